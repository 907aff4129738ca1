use redlock::{Error, redlocked};

#[redlocked("key", on_busy = default("nothing"))]
async fn charge() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
