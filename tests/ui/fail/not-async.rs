use redlock::{Error, redlocked};

#[redlocked("key")]
pub fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
