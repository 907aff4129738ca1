use redlock::redlocked;

struct NotFromLockError;

#[redlocked("key")]
async fn number() -> u32 {
    1
}

#[redlocked("key")]
async fn nothing() {}

#[redlocked("key")]
async fn result() -> Result<u32, NotFromLockError> {
    Ok(1)
}

#[redlocked("key", on_busy = default(0))]
async fn default() -> u32 {
    1
}

#[redlocked("key", on_busy = skip)]
async fn skip() -> Result<(), NotFromLockError> {
    Ok(())
}

fn main() {}
