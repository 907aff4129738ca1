//! Locks of other clients that never expire.

use std::time::Duration;

use redlock::{LockError, LockState, Redlock};

use crate::library::Library;
use crate::setup::{SOON, Setup};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs other clients: run ./tests/interop/run"]
async fn a_lock_of_redis_py_is_reported_without_expiry() {
    let setup = Setup::new(Library::RedisPy);
    let (redlock, mut client) = (setup.manager().await, setup.client());
    let key = client.lock("a", Duration::ZERO).await;
    assert_eq!(redlock.status("a").await.lease_id(), Some(&key));
    is_busy_without_end(&setup, &redlock).await;

    // The key's deletion ends a wait, as with any other lock.
    let request = redlock.lock("a");
    let waiter = tokio::spawn(request.into_future());
    client.unlock("a", &key).await;
    let guard = tokio::time::timeout(SOON, waiter).await;
    let guard = guard.expect("the release is noticed").unwrap().unwrap();
    assert!(guard.release().await.unwrap().was_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs other clients: run ./tests/interop/run"]
async fn a_lock_set_by_hand_is_reported_without_expiry() {
    let setup = Setup::new(Library::RedlockPy);
    let redlock = setup.manager().await;
    for server in &setup.servers {
        server.probe().set("a", "by hand", None);
    }
    is_busy_without_end(&setup, &redlock).await;
    assert!(redlock.unlock("a", "by hand").await.unwrap().was_held());
    assert_eq!(redlock.status("a").await.state(), LockState::Free);
}

/// Checks what requests, `status` and the command report.
async fn is_busy_without_end(setup: &Setup, redlock: &Redlock) {
    let waited = redlock.lock("a").wait(Duration::from_millis(500));
    for refused in [redlock.try_lock("a").await, waited.await] {
        let is_endless =
            matches!(&refused, Err(LockError::Busy { remaining, .. }) if remaining.is_none());
        assert!(is_endless, "{refused:?}");
    }
    let status = redlock.status("a").await;
    assert_eq!(
        (status.state(), status.remaining()),
        (LockState::Held, None)
    );

    let output = setup.run(&["lock", "--retry-count", "0", "a", "60000"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let output = setup.run(&["status", "a"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\nwithout expiry\n"), "{output:?}");
}
