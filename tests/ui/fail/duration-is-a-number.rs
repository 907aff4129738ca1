use redlock::{Error, redlocked};

#[redlocked("key", ttl = 30, wait = 1.5)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
