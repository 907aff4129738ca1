use redlock::{Error, redlocked};

#[redlocked("key", retries = vec::<u8, u8>(3))]
async fn charge() -> Result<(), Error> {
    Ok(())
}

#[redlocked(name = "a")]
async fn instead_of_the_key() -> Result<(), Error> {
    Ok(())
}

fn main() {}
