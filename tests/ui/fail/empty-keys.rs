use redlock::{Error, redlocked};

#[redlocked(keys = [])]
async fn none() -> Result<(), Error> {
    Ok(())
}

#[redlocked(keys = ["a", "", "b{"], ttl = 30)]
async fn one_of_them() -> Result<(), Error> {
    Ok(())
}

fn main() {}
