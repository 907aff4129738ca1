//! Locks with `hold_at_least`, whose keys outlast an early release.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redlock::node::Fault;
use redlock::{InvalidRequest, LockError, LockGuard, Redlock, ReleaseOutcome, redlocked};

use crate::common::{MS, SECOND, Stopwatch, TTL, cluster, holding, manager, settle};

/// Acquires a lock on "a" that excludes others for at least 20 s.
async fn hold(redlock: &Redlock) -> LockGuard {
    let request = redlock.try_lock("a").hold_at_least(20 * SECOND);
    request.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_early_release_excludes_others_until_the_hold_ends() {
    let (nodes, redlock) = cluster::<3>();
    let start = Stopwatch::start();
    let guard = hold(&redlock).await;
    tokio::time::sleep(SECOND).await;
    drop(guard);
    let other = manager(&nodes);
    while start.elapsed() < 20 * SECOND - MS {
        assert!(other.try_lock("a").await.unwrap_err().is_busy());
        assert!(redlock.try_lock("a").await.unwrap_err().is_busy());
        tokio::time::sleep(500 * MS - MS).await;
    }
    tokio::time::sleep(2 * MS + (20 * SECOND).saturating_sub(start.elapsed())).await;
    assert_eq!(holding(&nodes), 0);
    assert!(other.try_lock("a").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_early_release_returns_at_once_and_reports_kept_keys() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    let lost = guard.lost();
    let cancelled = guard.cancellation_token();
    let start = Stopwatch::start();
    let released = guard.release().await.unwrap();
    assert!(start.elapsed().is_zero());
    assert!(released.was_held());
    for node in released.nodes() {
        assert_eq!(node.outcome(), &ReleaseOutcome::Kept);
        assert_eq!(node.outcome().to_string(), "kept");
    }
    assert!(cancelled.is_cancelled());
    assert_eq!(holding(&nodes), 3);
    // The lease is no longer extended, and does not count as lost.
    assert!(tokio::time::timeout(TTL, lost).await.is_err());
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn the_hold_may_be_longer_than_the_ttl() {
    let (nodes, redlock) = cluster::<3>();
    let request = redlock.try_lock("a").ttl(5 * SECOND);
    drop(request.hold_at_least(60 * SECOND).await.unwrap());
    tokio::time::sleep(59 * SECOND).await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_after_the_hold_deletes_the_keys() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    tokio::time::sleep(21 * SECOND).await;
    let released = guard.release().await.unwrap();
    for node in released.nodes() {
        assert_eq!(node.outcome(), &ReleaseOutcome::Deleted);
    }
    assert_eq!(holding(&nodes), 0);

    let guard = hold(&redlock).await;
    tokio::time::sleep(5 * TTL).await;
    assert!(guard.is_held(), "the hold is no upper bound");
    drop(guard);
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn the_hold_applies_however_the_guard_ends() {
    // Unwinding.
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _guard = guard;
        panic!("in the job");
    }));
    assert!(unwound.is_err());
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(21 * SECOND).await;
    assert_eq!(holding(&nodes), 0);

    // The end of the manager.
    let guard = hold(&redlock).await;
    redlock.shutdown().await;
    assert!(!guard.is_held());
    drop(guard);
    settle().await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(21 * SECOND).await;
    assert_eq!(holding(&nodes), 0);

    // The end of a lease that is not extended.
    let redlock = manager(&nodes);
    let request = redlock.try_lock("a").ttl(5 * SECOND).auto_extend(false);
    let guard = request.hold_at_least(20 * SECOND).await.unwrap();
    guard.lost().await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(14 * SECOND).await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lock_is_not_kept() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    nodes[0].forget_keys();
    nodes[1].forget_keys();
    guard.lost().await;
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_detached_or_adopted_lease_is_not_kept() {
    let (nodes, redlock) = cluster::<3>();
    let lease = hold(&redlock).await.detach();
    redlock.unlock_lease(&lease).await.unwrap();
    assert_eq!(holding(&nodes), 0);

    let lease = hold(&redlock).await.detach();
    drop(redlock.adopt_lease(&lease).await.unwrap());
    assert_eq!(holding(&nodes), 0, "an adopted lease has no hold");
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_round_keeps_no_keys() {
    let (nodes, redlock) = cluster::<3>();
    nodes.iter().for_each(|node| node.fault(Fault::Hang));
    let request = redlock.lock("a").hold_at_least(20 * SECOND);
    assert!(tokio::time::timeout(100 * MS, request).await.is_err());
    nodes.iter().for_each(|node| node.fault(None));
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_missed_the_release_expires_with_the_others() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    nodes[2].fault(Fault::Hang);
    drop(guard);
    tokio::time::sleep(5 * SECOND).await;
    nodes[2].fault(None);
    settle().await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(15 * SECOND + 2 * MS).await;
    assert_eq!(holding(&nodes), 0, "it expires with the others");
}

#[tokio::test(start_paused = true)]
async fn several_resources_are_kept_together() {
    let (nodes, redlock) = cluster::<3>();
    let request = redlock.lock_all(["a", "b"]).hold_at_least(20 * SECOND);
    drop(request.await.unwrap());
    assert!(nodes.iter().all(|node| node.len() == 2));
    tokio::time::sleep(20 * SECOND + 2 * MS).await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hold_above_the_maximum_is_rejected_with_the_bound() {
    let (nodes, redlock) = cluster::<3>();
    let invalid = async |request: redlock::LockRequest| match request.await {
        Err(LockError::Invalid(refused)) => refused,
        other => panic!("{other:?}"),
    };
    let request = redlock.lock("a").hold_at_least(61 * SECOND);
    assert_eq!(
        invalid(request).await,
        InvalidRequest::HoldTooLong {
            hold_at_least: 61 * SECOND,
            max_ttl: 60 * SECOND,
        }
    );
    let request = redlock.lock("a").max_hold(10 * SECOND);
    assert_eq!(
        invalid(request.hold_at_least(11 * SECOND)).await,
        InvalidRequest::HoldAboveMaxHold {
            hold_at_least: 11 * SECOND,
            max_hold: 10 * SECOND,
        }
    );
    assert_eq!(holding(&nodes), 0);
    let request = redlock.lock("a").max_hold(10 * SECOND);
    drop(request.hold_at_least(10 * SECOND).await.unwrap());
    assert_eq!(holding(&nodes), 3);
}

#[tokio::test(start_paused = true)]
async fn the_attribute_accepts_hold_at_least_and_several_keys() {
    #[redlocked(
        keys = ["a:{id}", format!("b:{id}")],
        hold_at_least = "20s",
        wait = "0s",
        on_busy = skip,
        manager = redlock
    )]
    async fn job(redlock: &Redlock, id: u64) -> Result<Option<u64>, redlock::Error> {
        Ok(Some(id))
    }
    let (nodes, redlock) = cluster::<3>();
    assert_eq!(job(&redlock, 7).await.unwrap(), Some(7));
    assert_eq!(
        job(&redlock, 7).await.unwrap(),
        None,
        "the hold has not ended"
    );
    assert!(redlock.try_lock("b:7").await.unwrap_err().is_busy());
    tokio::time::sleep(21 * SECOND).await;
    assert_eq!(holding(&nodes), 0);
    assert_eq!(job(&redlock, 7).await.unwrap(), Some(7));
}
