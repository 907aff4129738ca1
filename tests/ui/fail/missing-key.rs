use redlock::{Error, redlocked};

#[redlocked]
async fn bare() -> Result<(), Error> {
    Ok(())
}

#[redlocked(ttl = "30s")]
async fn without_key() -> Result<(), Error> {
    Ok(())
}

fn main() {}
