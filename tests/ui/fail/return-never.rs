use redlock::redlocked;

#[redlocked("key")]
async fn serve() -> ! {
    loop {}
}

macro_rules! fragment {
    ($ty:ty) => {
        #[redlocked("key")]
        async fn fragment() -> $ty {
            loop {}
        }
    };
}

fragment!(!);

fn main() {}
