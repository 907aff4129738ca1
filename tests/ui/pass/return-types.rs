//! Return types that resemble a future or a stream, and run nothing by themselves.

use std::pin::Pin;
use std::sync::Arc;

use redlock::{Error, redlocked};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

struct Upstream;

struct Futures<T>(Vec<T>);

/// Its caller decides about a lock of its own.
type Callback = Arc<dyn Fn(u8) -> BoxFuture<'static, u8> + Send + Sync>;

#[redlocked("callback")]
async fn callback() -> Result<Callback, Error> {
    Ok(Arc::new(|n| Box::pin(std::future::ready(n))))
}

#[redlocked("closure")]
async fn closure() -> Result<impl Fn(u8) -> BoxFuture<'static, u8>, Error> {
    Ok(|n| -> BoxFuture<'static, u8> { Box::pin(std::future::ready(n)) })
}

#[redlocked("pointer")]
async fn pointer() -> Result<fn() -> BoxFuture<'static, u8>, Error> {
    fn one() -> BoxFuture<'static, u8> {
        Box::pin(std::future::ready(1))
    }
    Ok(one)
}

#[redlocked("names")]
async fn names() -> Result<(Upstream, Futures<u8>), Error> {
    Ok((Upstream, Futures(Vec::new())))
}

mod video {
    pub struct Stream;

    pub struct Frames<T>(pub T);

    pub struct Future<T>(pub T);
}

use video::Stream;

#[redlocked("types of the user")]
async fn types_of_the_user() -> Result<(Stream, video::Frames<video::Future<u8>>), Error> {
    Ok((Stream, video::Frames(video::Future(1))))
}

#[redlocked("parentheses")]
#[allow(unused_parens)]
async fn parentheses() -> (Result<(u8), Error>) {
    Ok(1)
}

fn main() {}
