use std::pin::Pin;

use redlock::{Error, redlocked};

#[redlocked("key")]
fn statement_in_front(list: Vec<u8>) -> Pin<Box<dyn Future<Output = Result<(), Error>>>> {
    drop(list);
    Box::pin(async move { Ok(()) })
}

#[redlocked("key")]
fn made_elsewhere() -> impl Future<Output = Result<(), Error>> {
    statement_in_front(Vec::new())
}

fn main() {}
