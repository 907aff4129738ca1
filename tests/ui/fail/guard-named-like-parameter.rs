use redlock::{Error, redlocked};

#[redlocked("key", guard = lock)]
async fn charge((lock, _): (u8, u8)) -> Result<u8, Error> {
    Ok(lock)
}

fn main() {}
