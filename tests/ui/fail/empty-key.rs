use redlock::{Error, redlocked};

#[redlocked("")]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
