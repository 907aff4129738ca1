use redlock::redlocked;

#[redlocked("key")]
async fn serve() -> ! {
    loop {}
}

fn main() {}
