use redlock::{Error, redlocked};

#[redlocked(42)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
