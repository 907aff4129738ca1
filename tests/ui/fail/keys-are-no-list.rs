use redlock::{Error, redlocked};

#[redlocked(keys = "a")]
async fn text() -> Result<(), Error> {
    Ok(())
}

#[redlocked(keys = ["a", Vec::<u8>::new() "b"])]
async fn without_a_comma() -> Result<(), Error> {
    Ok(())
}

fn main() {}
