use redlock::{Error, redlocked};

#[redlocked("key", manager = redlock)]
async fn charge(redlock: &str) -> Result<(), Error> {
    Ok(())
}

fn main() {}
