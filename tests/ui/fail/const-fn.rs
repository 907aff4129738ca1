use redlock::{Error, redlocked};

#[redlocked("key")]
const fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
