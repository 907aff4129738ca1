use redlock::{Error, redlocked};

#[redlocked("key", ttl, wait = , guard, manager =)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
