//! `#[redlocked]`: the body runs under the lock, or not at all.
//!
//! - `key`: which lock a call takes
//! - `manager`: which manager it asks
//! - `exclusion`: one body at a time
//! - `busy`: what a busy lock means
//! - `exit`: every way out of the body
//! - `loss`: locks that are lost while the body runs
//! - `shape`: the future that a call is, and other functions than `async fn`

mod busy;
mod exclusion;
mod exit;
mod key;
mod loss;
mod manager;
mod shape;

use redlock::Redlock;

async fn is_free(redlock: &Redlock, resource: &str) -> bool {
    redlock.try_lock(resource).await.is_ok()
}
