//! Runtimes that are not driven, while other runtimes use the same manager.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;

use redlock::{LockGuard, LockRequest, Redlock};
use tokio::runtime::{Builder, Runtime};

use crate::common::{MS, SECOND};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Acquires "a" in a runtime that is not driven afterwards.
fn park(redlock: &Redlock) -> (Runtime, LockGuard) {
    let parked = runtime();
    let request = redlock.lock("a").ttl(500 * MS);
    let guard = parked.block_on(request).unwrap();
    (parked, guard)
}

/// The runtime that waits is given far more time than it needs.
fn lock(redlock: &Redlock) -> LockGuard {
    let request = redlock.lock("a").wait(20 * SECOND);
    runtime().block_on(async move {
        let guard = request.await.unwrap();
        assert!(guard.is_held());
        guard
    })
}

#[test]
fn a_lock_that_expired_in_a_parked_runtime_is_free() {
    let redlock = Redlock::in_memory(3);
    let (_parked, guard) = park(&redlock);
    thread::sleep(600 * MS);
    runtime().block_on(async {
        let other = redlock.try_lock("a").await.unwrap();
        assert!(other.is_held());
    });
    assert!(!guard.is_held());
}

#[test]
fn a_lock_that_expires_in_a_parked_runtime_is_handed_on() {
    let redlock = Redlock::in_memory(3);
    let (_parked, guard) = park(&redlock);
    drop(lock(&redlock));
    assert!(!guard.is_held());
}

#[test]
fn waiters_in_a_parked_runtime_do_not_block_the_queue() {
    let redlock = Redlock::in_memory(3);
    let (parked, guard) = park(&redlock);
    let mut waiters: Vec<Pin<Box<LockRequest>>> = Vec::new();
    parked.block_on(async {
        for _ in 0..2 {
            let mut waiter = Box::pin(redlock.lock("a").wait(60 * SECOND));
            let polled = waiter
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
            waiters.push(waiter);
        }
    });
    drop(lock(&redlock));
    assert!(!guard.is_held());
    // They have lost their places, and nothing else.
    for waiter in waiters {
        drop(parked.block_on(waiter).unwrap());
    }
}
