use redlock::{Error, redlocked};

#[redlocked("key", ttl = "0s")]
async fn zero() -> Result<(), Error> {
    Ok(())
}

#[redlocked("key", ttl = "9ms", max_hold = "0s")]
async fn short() -> Result<(), Error> {
    Ok(())
}

fn main() {}
