//! Futures that stay `Send` under a lock, provided that their results are.

use std::{cell::Cell, fmt::Display};

use redlock::{Error, LockError, redlocked};

fn assert_send<T: Send>(_: T) {}

struct Service {
    id: u64,
}

impl Service {
    #[redlocked("{self.id}:{name}")]
    async fn method(&self, name: &str) -> Result<usize, Error> {
        tokio::task::yield_now().await;
        Ok(name.len())
    }

    #[redlocked("{self.id}")]
    async fn mutable(&mut self) -> Result<u64, Error> {
        tokio::task::yield_now().await;
        self.id += 1;
        Ok(self.id)
    }
}

#[redlocked("{name}", guard = lock)]
async fn generic(name: impl Display + Send, cell: Cell<u32>) -> Result<u32, LockError> {
    tokio::task::yield_now().await;
    cell.set(cell.get() + u32::from(lock.is_held()));
    drop(name);
    Ok(cell.get())
}

#[redlocked("skip", on_busy = skip)]
async fn skipping(texts: Vec<String>) {
    tokio::task::yield_now().await;
    drop(texts);
}

#[redlocked("default", on_busy = default(Ok(text)), on_lost = ignore)]
async fn defaulting(text: String) -> Result<String, Error> {
    tokio::task::yield_now().await;
    Ok(text)
}

fn main() {
    assert_send(Service { id: 1 }.method("name"));
    assert_send(Service { id: 1 }.mutable());
    assert_send(generic("name", Cell::new(1)));
    assert_send(skipping(Vec::new()));
    assert_send(defaulting(String::new()));
}
