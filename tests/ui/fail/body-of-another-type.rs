use redlock::{Error, redlocked};

#[redlocked("key")]
async fn tail(name: &str) -> Result<u32, Error> {
    Ok(name)
}

#[redlocked("key")]
async fn early(name: &str) -> Result<u32, Error> {
    if name.is_empty() {
        return Err(name);
    }
    Ok(1)
}

#[redlocked("key")]
async fn no_tail() -> Result<u32, Error> {
    println!();
}

#[redlocked("key")]
async fn question_mark(name: &str) -> Result<u32, ChargeError> {
    Ok(name.parse::<u32>()?)
}

struct ChargeError;

impl From<Error> for ChargeError {
    fn from(_: Error) -> Self {
        Self
    }
}

fn main() {}
