use redlock::{Error, redlocked};

#[redlocked("key")]
async fn charge() -> impl Sized {
    Ok::<_, Error>(1)
}

macro_rules! fragment {
    ($ty:ty) => {
        #[redlocked("key")]
        async fn fragment() -> $ty {
            Ok::<_, Error>(1)
        }
    };
}

fragment!(impl Sized);

fn main() {}
