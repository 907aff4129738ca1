use redlock::{Error, redlocked};

#[redlocked(
    "key", key = "key",
    ttl = "30s", ttl = "30s",
    wait = "5s", wait = "5s",
    auto_extend = true, auto_extend = true,
    max_hold = "1h", max_hold = "1h",
    hold_at_least = "1m", hold_at_least = "1m",
    manager = REDLOCK, manager = REDLOCK,
    guard = lock, guard = lock,
    on_busy = skip, on_busy = skip,
    on_lost = abort, on_lost = abort,
    crate = redlock, crate = redlock,
)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

#[redlocked(keys = ["a"], keys = ["b"])]
async fn transfer() -> Result<(), Error> {
    Ok(())
}

fn main() {}
