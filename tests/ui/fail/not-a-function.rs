use redlock::redlocked;

#[redlocked("key")]
struct Job;

struct Store;

#[redlocked("key")]
impl Store {
    async fn save(&self) {}
}

#[redlocked("key")]
pub const KEY: &str = "key";

fn main() {}
