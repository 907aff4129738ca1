use redlock::{Error, redlocked};

#[redlocked(keys = ["a", id])]
async fn charge(id: u64) -> Result<(), Error> {
    Ok(())
}

fn main() {}
