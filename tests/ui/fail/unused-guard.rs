#![deny(unused)]

use redlock::{Error, redlocked};

#[redlocked("key", guard = lock)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {
    drop(charge());
}
