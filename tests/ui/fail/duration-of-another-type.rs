use redlock::{Error, redlocked};

const TTL: u64 = 30;

#[redlocked("key", ttl = TTL)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
