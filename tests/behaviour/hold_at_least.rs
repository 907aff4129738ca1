//! Locks that are kept for a while after their release.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redlock::node::Fault;
use redlock::{InvalidRequest, LockError, LockGuard, Redlock, ReleaseOutcome, redlocked};

use crate::common::{MS, SECOND, TTL, Watch, cluster, holding, manager, settle};

/// A lock on "a" that keeps others out for 20 s.
async fn hold(redlock: &Redlock) -> LockGuard {
    let request = redlock.try_lock("a").hold_at_least(20 * SECOND);
    request.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_fast_run_keeps_others_out_for_the_time_and_not_longer() {
    let (nodes, redlock) = cluster::<3>();
    let start = Watch::start();
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
async fn a_release_within_the_time_returns_at_once_and_says_that_the_keys_stay() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    let lost = guard.lost();
    let cancelled = guard.cancellation_token();
    let start = Watch::start();
    let released = guard.release().await.unwrap();
    assert!(start.elapsed().is_zero());
    assert!(released.was_held());
    for node in released.nodes() {
        assert_eq!(node.outcome(), &ReleaseOutcome::Kept);
        assert_eq!(node.outcome().to_string(), "kept");
    }
    assert!(cancelled.is_cancelled());
    assert_eq!(holding(&nodes), 3);
    // Nobody extends it any more, and nobody loses it.
    assert!(tokio::time::timeout(TTL, lost).await.is_err());
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn the_time_may_be_longer_than_the_ttl() {
    let (nodes, redlock) = cluster::<3>();
    let request = redlock.try_lock("a").ttl(5 * SECOND);
    drop(request.hold_at_least(60 * SECOND).await.unwrap());
    tokio::time::sleep(59 * SECOND).await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn after_the_time_a_release_is_like_any_other() {
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
    assert!(guard.is_held(), "it bounds nothing from above");
    drop(guard);
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn it_holds_for_every_way_in_which_a_guard_ends() {
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
async fn a_lost_lock_that_others_can_have_is_not_kept_from_them() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    nodes[0].wipe();
    nodes[1].wipe();
    guard.lost().await;
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_detached_or_released_by_its_id_is_not_kept() {
    let (nodes, redlock) = cluster::<3>();
    let lease = hold(&redlock).await.detach();
    redlock.unlock_lease(&lease).await.unwrap();
    assert_eq!(holding(&nodes), 0);

    let lease = hold(&redlock).await.detach();
    drop(redlock.adopt_lease(&lease).await.unwrap());
    assert_eq!(holding(&nodes), 0, "adopted without it");
}

#[tokio::test(start_paused = true)]
async fn a_round_that_was_given_up_keeps_nothing() {
    let (nodes, redlock) = cluster::<3>();
    nodes.iter().for_each(|node| node.fault(Fault::Hang));
    let request = redlock.lock("a").hold_at_least(20 * SECOND);
    assert!(tokio::time::timeout(100 * MS, request).await.is_err());
    nodes.iter().for_each(|node| node.fault(None));
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_at_the_release_is_told_when_it_is_back() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    nodes[2].fault(Fault::Hang);
    drop(guard);
    tokio::time::sleep(5 * SECOND).await;
    nodes[2].fault(None);
    settle().await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(15 * SECOND + 2 * MS).await;
    assert_eq!(holding(&nodes), 0, "at the same time as with the others");
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
async fn a_time_that_cannot_be_kept_is_refused_with_the_bound() {
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
async fn the_attribute_keeps_a_lock_and_takes_several() {
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
    assert_eq!(job(&redlock, 7).await.unwrap(), None, "done already");
    assert!(redlock.try_lock("b:7").await.unwrap_err().is_busy());
    tokio::time::sleep(21 * SECOND).await;
    assert_eq!(holding(&nodes), 0);
    assert_eq!(job(&redlock, 7).await.unwrap(), Some(7));
}
