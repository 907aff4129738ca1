use redlock::{Error, redlocked};

#[redlocked("a", keys = ["b", "c"])]
async fn beside_text() -> Result<(), Error> {
    Ok(())
}

#[redlocked(keys = [], key = _id)]
async fn beside_an_expression(_id: &str) -> Result<(), Error> {
    Ok(())
}

fn main() {}
