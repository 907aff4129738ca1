//! Runtimes without timers.

use redlock::{ConnectError, ExtendError, InvalidRequest, LockError, Redlock, UnlockError};
use tokio::runtime::{Builder, Runtime};

use crate::common::{MS, SECOND, cluster, holding};

/// A runtime without timers.
fn timerless() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn is_invalid(error: &LockError) -> bool {
    matches!(error, LockError::Invalid(InvalidRequest::NoRuntime))
}

#[test]
fn every_verb_of_a_manager_reports_a_runtime_without_timers() {
    let (nodes, redlock) = cluster::<3>();
    let lease = Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { redlock.lock("held").await.unwrap().detach() });
    timerless().block_on(async {
        let requests = [
            redlock.lock("a"),
            redlock.try_lock("a"),
            redlock.lock_all(["a", "b"]),
            redlock.lock("held").wait(SECOND),
        ];
        for request in requests {
            assert!(is_invalid(&request.await.unwrap_err()));
        }
        let id = lease.lease_id();
        for adopted in [
            redlock.adopt("held", id.clone()).await,
            redlock.adopt_lease(&lease).await,
        ] {
            assert!(is_invalid(&adopted.unwrap_err()));
        }
        for unlocked in [
            redlock.unlock("held", id.clone()).await,
            redlock.unlock_lease(&lease).await,
        ] {
            let refused = unlocked.unwrap_err();
            let is_typed = matches!(refused, UnlockError::Invalid(InvalidRequest::NoRuntime));
            assert!(is_typed, "{refused:?}");
        }
        assert!(redlock.nodes().await.is_empty());
        assert!(redlock.status("a").await.token().is_none());
        let refused = Redlock::connect(nodes.clone()).await.unwrap_err();
        assert!(matches!(refused, ConnectError::NoRuntime), "{refused:?}");
        redlock.shutdown().await;
    });
}

#[test]
fn a_guard_can_be_used_in_a_runtime_without_timers() {
    let (nodes, redlock) = cluster::<3>();
    let own = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let lock = |name| own.block_on(redlock.lock(name).ttl(SECOND)).unwrap();
    let (guard, lost, released) = (lock("a"), lock("b"), lock("c"));
    timerless().block_on(async {
        let refused = guard.extend(SECOND).await.unwrap_err();
        let is_typed = matches!(refused, ExtendError::Invalid(InvalidRequest::NoRuntime));
        assert!(is_typed, "{refused:?}");
        assert_eq!(guard.run(async { 7 }).await.unwrap(), 7);
        // The runtime of the lock notices the loss.
        nodes.iter().for_each(|node| node.forget_keys());
        assert!(lost.run(std::future::pending::<()>()).await.is_err());
        let _reason = lost.lost().await;
        // It does not wait for the nodes, but the releases are sent.
        let _report = released.release().await;
    });
    drop(guard);
    drop(lost);
    while holding(&nodes) > 0 {
        std::thread::sleep(MS);
    }
}
