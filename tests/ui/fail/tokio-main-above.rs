use redlock::{Error, redlocked};

#[tokio::main]
#[redlocked("key")]
async fn main() -> Result<(), Error> {
    Ok(())
}
