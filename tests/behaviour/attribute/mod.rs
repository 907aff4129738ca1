//! `#[redlocked]`, whose body runs under the lock or not at all.
//!
//! - `key`: the key that a call locks
//! - `manager`: the manager that a call uses
//! - `exclusion`: mutual exclusion of bodies
//! - `busy`: the policies for a busy lock
//! - `exit`: every way out of the body
//! - `loss`: locks that are lost while the body runs
//! - `shape`: the future of a call, and functions other than `async fn`

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
