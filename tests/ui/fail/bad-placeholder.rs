use redlock::{Error, redlocked};

#[redlocked("{}")]
async fn unnamed() -> Result<(), Error> {
    Ok(())
}

#[redlocked("{0}")]
async fn positional(id: u64) -> Result<u64, Error> {
    Ok(id)
}

#[redlocked("{name.len()}")]
async fn call(name: &str) -> Result<&str, Error> {
    Ok(name)
}

#[redlocked("{name")]
async fn open(name: &str) -> Result<&str, Error> {
    Ok(name)
}

#[redlocked("name}")]
async fn close(name: &str) -> Result<&str, Error> {
    Ok(name)
}

fn main() {}
