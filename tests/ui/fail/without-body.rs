use redlock::{Error, redlocked};

trait Job {
    #[redlocked("key")]
    async fn run(&self) -> Result<(), Error>;
}

fn main() {}
