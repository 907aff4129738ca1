use redlock::{Error, redlocked};

#[redlocked("key", on_busy = wait, on_lost = panic)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

#[redlocked("key", on_busy = default)]
async fn without_a_value() -> Result<(), Error> {
    Ok(())
}

#[redlocked("key", on_busy = default(1, 2))]
async fn two_values() -> Result<u8, Error> {
    Ok(0)
}

fn main() {}
