use redlock::{Error, redlocked};

#[redlocked("key")]
async fn charge() -> impl Sized {
    Ok::<_, Error>(1)
}

fn main() {}
