use redlock::{Error, redlocked};

#[redlocked("{name}")]
async fn charge(name: String) -> Result<String, Error> {
    drop(name);
    Ok(name)
}

fn main() {}
