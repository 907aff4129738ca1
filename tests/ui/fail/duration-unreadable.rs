use redlock::{Error, redlocked};

#[redlocked("key", ttl = "thirty seconds")]
async fn words() -> Result<(), Error> {
    Ok(())
}

#[redlocked("key", wait = "30")]
async fn without_unit() -> Result<(), Error> {
    Ok(())
}

#[redlocked("key", max_hold = "")]
async fn empty() -> Result<(), Error> {
    Ok(())
}

fn main() {}
