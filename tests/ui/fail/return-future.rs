use std::future::{Future, ready};
use std::pin::Pin;

use redlock::{Error, redlocked};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[redlocked("key")]
async fn alone() -> impl Future<Output = Result<u32, Error>> {
    ready(Ok(1))
}

#[redlocked("key")]
async fn hidden() -> Result<impl Future<Output = u32>, Error> {
    Ok(ready(1))
}

#[redlocked("key")]
async fn object() -> Pin<Box<dyn Future<Output = Result<u32, Error>>>> {
    Box::pin(ready(Ok(1)))
}

#[redlocked("key", on_busy = skip)]
async fn several() -> Result<Option<Vec<BoxFuture<'static, u32>>>, Error> {
    Ok(None)
}

#[redlocked("key")]
fn in_a_future() -> impl Future<Output = Result<BoxFuture<'static, u32>, Error>> {
    async move { Ok(Box::pin(ready(1_u32)) as BoxFuture<'static, u32>) }
}

#[redlocked("key")]
fn plain() -> Result<BoxFuture<'static, u32>, Error> {
    Ok(Box::pin(ready(1)))
}

#[redlocked("key")]
async fn associated<F: IntoFuture>(of: F) -> Result<F::IntoFuture, Error> {
    Ok(of.into_future())
}

fn main() {}
