use redlock::redlocked;

#[tokio::test]
#[redlocked("key")]
async fn charges() -> Result<(), redlock::Error> {
    Ok(())
}

fn main() {}
