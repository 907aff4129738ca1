use redlock::{Error, redlocked};

#[redlocked("key", guard = self)]
async fn keyword() -> Result<(), Error> {
    Ok(())
}

#[redlocked("key", guard = &lock)]
async fn pattern() -> Result<(), Error> {
    Ok(())
}

fn main() {}
