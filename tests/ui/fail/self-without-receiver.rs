use redlock::{Error, redlocked};

struct Store;

impl Store {
    #[redlocked("{self.id}")]
    async fn save() -> Result<(), Error> {
        Ok(())
    }
}

fn main() {}
