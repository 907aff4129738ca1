use redlock::{Error, redlocked};

#[redlocked("key" ttl = "30s")]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
