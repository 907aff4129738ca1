use redlock::{Error, redlocked};

#[redlocked("{}", ttl = 30, wait = "soon", tries = 3, guard = _name)]
const fn charge(_name: &str) -> Result<(), Error> {
    Ok(())
}

fn main() {}
