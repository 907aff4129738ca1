use redlock::{Error, redlocked};

#[redlocked("key", on_busy = skip)]
async fn number() -> u32 {
    1
}

#[redlocked("key", on_busy = skip)]
async fn result() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
