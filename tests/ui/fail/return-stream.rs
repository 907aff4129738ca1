use std::pin::Pin;

use redlock::{Error, redlocked};

trait Stream {
    type Item;
}

struct Rows;

impl Stream for Rows {
    type Item = u32;
}

type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

struct Sse<S>(S);

#[redlocked("key")]
async fn alone() -> impl Stream<Item = u32> {
    Rows
}

#[redlocked("key")]
async fn hidden() -> Result<impl Stream<Item = u32> + Send, Error> {
    Ok(Rows)
}

#[redlocked("key")]
async fn boxed() -> Result<BoxStream<'static, u32>, Error> {
    Ok(Box::pin(Rows))
}

#[redlocked("key")]
async fn object() -> Result<Pin<Box<dyn Stream<Item = u32>>>, Error> {
    Ok(Box::pin(Rows))
}

#[redlocked("key", on_busy = skip)]
async fn nested() -> Option<(u32, Sse<impl Stream<Item = u32>>)> {
    Some((1, Sse(Rows)))
}

#[redlocked("key")]
fn in_a_future() -> Pin<Box<dyn Future<Output = Result<BoxStream<'static, u32>, Error>>>> {
    Box::pin(async move { boxed().await })
}

#[redlocked("key")]
fn plain() -> BoxStream<'static, u32> {
    Box::pin(Rows)
}

macro_rules! fragment {
    ($ty:ty) => {
        #[redlocked("key")]
        async fn fragment() -> $ty {
            Rows
        }
    };
}

fragment!(impl Stream<Item = u32>);

fn main() {}
