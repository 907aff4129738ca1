//! Releases by drop, by `release` and by shutdown, and their reports.

use std::panic::{AssertUnwindSafe, catch_unwind};

use std::time::Duration;

use redlock::node::Fault;
use redlock::{LockError, LossReason, ReleaseOutcome};

use crate::common::{MS, NODE_TIMEOUT, SECOND, Stopwatch, TTL, cluster, holding, manager, settle};

#[tokio::test(start_paused = true)]
async fn dropping_a_guard_releases_at_once() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    drop(guard);
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_after_a_drop_follows_the_release() {
    let (nodes, redlock) = cluster::<5>();
    // On every node the request follows the release, however slow the node is.
    for (index, node) in (1..).zip(&nodes) {
        node.fault(Fault::Delay(20 * MS * index));
    }
    for _ in 0..10 {
        let guard = redlock.try_lock("a").await.unwrap();
        drop(guard);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_critical_section_releases() {
    let (nodes, redlock) = cluster::<3>();
    let task = tokio::spawn({
        let redlock = redlock.clone();
        async move {
            let _guard = redlock.lock("a").await.unwrap();
            panic!("in the critical section");
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(holding(&nodes), 0);
    let _guard = redlock.try_lock("a").await.unwrap();

    let second = redlock.lock("b").await.unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _second = second;
        panic!("outside of any task");
    }));
    assert!(unwound.is_err());
    assert!(redlock.try_lock("b").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn release_reports_every_node() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[1].forget_keys();
    let released = guard.release().await.unwrap();
    assert!(released.was_held());
    let outcomes: Vec<_> = released
        .nodes()
        .iter()
        .map(|node| node.outcome().clone())
        .collect();
    let expected = [
        ReleaseOutcome::Deleted,
        ReleaseOutcome::Absent,
        ReleaseOutcome::Deleted,
    ];
    assert_eq!(outcomes, expected);
}

#[tokio::test(start_paused = true)]
async fn releasing_a_lost_lock_is_not_an_error() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock
        .lock("a")
        .auto_extend(false)
        .ttl(SECOND)
        .await
        .unwrap();
    tokio::time::sleep(2 * SECOND).await;
    let next = manager(&nodes).lock("a").await.unwrap();
    let released = guard.release().await.unwrap();
    assert!(!released.was_held());
    assert!(next.is_held(), "the key of the next owner is untouched");
    assert_eq!(holding(&nodes), 3);
}

#[tokio::test(start_paused = true)]
async fn a_release_without_a_quorum_fails_in_bounded_time() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Hang);
    nodes[1].fault(Fault::Hang);
    let watch = Stopwatch::start();
    let error = guard.release().await.unwrap_err();
    assert!(watch.elapsed() <= NODE_TIMEOUT, "{:?}", watch.elapsed());
    let report = error.report();
    assert!(report.was_held());
    let outcomes: Vec<_> = report
        .nodes()
        .iter()
        .map(|node| node.outcome().clone())
        .collect();
    let expected = [
        ReleaseOutcome::Pending,
        ReleaseOutcome::Pending,
        ReleaseOutcome::Deleted,
    ];
    assert_eq!(outcomes, expected);
    // A release that could not be delivered stays pending for its node.
    nodes[0].fault(None);
    nodes[1].fault(None);
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_does_not_wait_for_a_hung_minority() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Hang);
    let watch = Stopwatch::start();
    let released = guard.release().await.unwrap();
    assert_eq!(watch.elapsed(), Duration::ZERO);
    assert_eq!(released.nodes()[0].outcome(), &ReleaseOutcome::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_release_reaches_a_node_that_was_down() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    drop(guard);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(holding(&nodes), 1);
    nodes[0].fault(None);
    settle().await;
    assert_eq!(holding(&nodes), 0, "long before the ttl of {TTL:?}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_releases_everything_and_closes_the_manager() {
    let (nodes, redlock) = cluster::<3>();
    let held = redlock.lock("a").await.unwrap();
    nodes
        .iter()
        .for_each(|node| node.fault(Fault::Delay(20 * MS)));
    let dropped = redlock.lock("b").await.unwrap();
    drop(dropped);
    redlock.shutdown().await;
    assert_eq!(
        holding(&nodes),
        0,
        "the releases are executed, not only queued"
    );
    assert_eq!(held.lost().await.reason(), LossReason::Shutdown);
    assert!(matches!(redlock.lock("a").await, Err(LockError::Closed)));
    assert!(matches!(
        redlock.try_lock("a").await,
        Err(LockError::Closed)
    ));
    assert!(redlock.unlock("a", held.lease_id()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_every_waiting_request() {
    let (nodes, redlock) = cluster::<3>();
    let other = manager(&nodes);
    let held = other.lock("a").await.unwrap();
    let mut waiters: Vec<_> = (0..3)
        .map(|_| tokio::spawn(redlock.lock("a").wait(Duration::MAX)))
        .collect();
    // After a minute the first polls the nodes, and the others wait in the queue behind it.
    tokio::time::sleep(60 * SECOND).await;
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    // One more request has just begun.
    waiters.push(tokio::spawn(redlock.lock("b")));
    let watch = Stopwatch::start();
    redlock.shutdown().await;
    for waiter in waiters {
        assert!(matches!(waiter.await.unwrap(), Err(LockError::Closed)));
    }
    assert!(watch.elapsed() <= NODE_TIMEOUT, "{:?}", watch.elapsed());
    assert!(held.is_held(), "the lock of another manager is unaffected");
    settle().await;
    assert_eq!(holding(&nodes), 3, "the waiters leave no keys");
}

#[tokio::test(start_paused = true)]
async fn shutdown_takes_bounded_time() {
    let (nodes, redlock) = cluster::<3>();
    let _held = redlock.lock("a").await.unwrap();
    nodes.iter().for_each(|node| node.fault(Fault::Hang));
    let watch = Stopwatch::start();
    redlock.shutdown().await;
    assert!(watch.elapsed() <= 3 * NODE_TIMEOUT, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_release_to_dead_nodes_fails_at_once_with_every_cause() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Crash);
    let watch = Stopwatch::start();
    let error = guard.release().await.unwrap_err();
    assert_eq!(watch.elapsed(), Duration::ZERO);
    for node in &nodes[..2] {
        assert!(
            error.to_string().contains(&*redlock::Node::name(node)),
            "{error}"
        );
    }
    nodes[0].fault(None);
    nodes[1].fault(None);
    settle().await;
    assert_eq!(
        holding(&nodes),
        0,
        "the releases stay pending for the nodes"
    );
}
