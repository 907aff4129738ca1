//! Generated code that triggers no lints, around a body that keeps its own.

#![deny(
    warnings,
    unused,
    nonstandard_style,
    future_incompatible,
    let_underscore_drop
)]
#![deny(
    elided_lifetimes_in_paths,
    missing_debug_implementations,
    unreachable_pub
)]
#![deny(
    single_use_lifetimes,
    trivial_casts,
    unused_qualifications,
    unused_results
)]
#![forbid(unsafe_code)]

use std::{pin::Pin, time::Duration};

use redlock::{Error, Redlock, redlocked};

#[redlocked("{id}", ttl = Duration::from_secs(1), manager = redlock, guard = lock)]
async fn function(id: u64, redlock: &Redlock) -> Result<u64, Error> {
    assert!(lock.is_held());
    Ok(id)
}

#[redlocked("skip", on_busy = skip)]
async fn skip(_unused: u8) {}

#[redlocked("default", on_busy = default(Ok(())), on_lost = ignore)]
async fn default() -> Result<(), Error> {
    Ok(())
}

#[redlocked("boxed")]
fn boxed() -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> {
    Box::pin(async move { Ok(()) })
}

fn main() {
    drop(function(1, &Redlock::in_memory(1)));
    drop(skip(1));
    drop(default());
    drop(boxed());
}
