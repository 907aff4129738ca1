//! Waiters of this crate behind holders with other libraries.

use std::time::{Duration, Instant};

use crate::client::BOUND;
use crate::for_every_library;
use crate::library::Library;
use crate::setup::{SOON, Setup};

for_every_library! { a_waiter_gets_the_lock_when_they_release_it }

/// Between attempts that no notification leads to, a request with a count pauses for at least half of
/// its delay. Neither that nor the end of the holder's lock can be the reason for a grant before.
async fn a_waiter_gets_the_lock_when_they_release_it(library: Library) {
    let setup = Setup::new(library);
    let waiter = setup.builder().retry_count(100).retry_delay(4 * BOUND);
    let waiter = waiter.connect().await.unwrap();
    let (observer, mut client) = (setup.manager().await, setup.client());
    for _ in 0..3 {
        let theirs = client.lock("a", 4 * BOUND).await;
        setup.is_on(5, "a", &theirs).await;
        let request = waiter.lock("a");
        let granted = tokio::spawn(async move { (request.await.unwrap(), Instant::now()) });
        until_waiting(&observer).await;
        client.unlock("a", &theirs).await;
        let released = Instant::now();
        let granted = tokio::time::timeout(SOON, granted).await;
        let (guard, locked) = granted.expect("the waiter is notified").unwrap();
        let delay = locked.saturating_duration_since(released);
        println!("{library:?}: {delay:?} after the release");
        let ours = guard.lease_id().clone();
        guard.release().await.unwrap();
        setup.is_on(0, "a", &ours).await;
    }
}

/// Waits until a request is on the waiting list of the lock.
async fn until_waiting(observer: &redlock::Redlock) {
    let start = Instant::now();
    while observer.status("a").await.waiters() == 0 {
        assert!(start.elapsed() < SOON, "no request waits");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
