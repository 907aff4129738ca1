//! Drop, release, and what they report.

use std::panic::{AssertUnwindSafe, catch_unwind};

use std::time::Duration;

use redlock::node::Fault;
use redlock::{LockError, LossReason, ReleaseOutcome};

use crate::common::{MS, NODE_TIMEOUT, SECOND, TTL, Watch, cluster, holding, manager, settle};

#[tokio::test(start_paused = true)]
async fn dropping_a_guard_releases_at_once() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    drop(guard);
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_after_a_drop_comes_after_the_release() {
    let (nodes, redlock) = cluster::<5>();
    // However slow the nodes are: the request is behind the release on each of them.
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
    nodes[1].wipe();
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
async fn releasing_what_was_lost_is_no_error() {
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
    assert!(next.is_held(), "the next owner's key was not touched");
    assert_eq!(holding(&nodes), 3);
}

#[tokio::test(start_paused = true)]
async fn a_release_without_a_quorum_is_bounded_and_says_so() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Hang);
    nodes[1].fault(Fault::Hang);
    let watch = Watch::start();
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
    // What could not be delivered is kept for the node.
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
    let watch = Watch::start();
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
    assert_eq!(holding(&nodes), 0, "carried out, not only queued");
    assert_eq!(held.lost().await.reason(), LossReason::Shutdown);
    assert!(matches!(redlock.lock("a").await, Err(LockError::Closed)));
    assert!(matches!(
        redlock.try_lock("a").await,
        Err(LockError::Closed)
    ));
    assert!(redlock.unlock("a", held.lease_id()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_those_who_wait_wherever_they_stand() {
    let (nodes, redlock) = cluster::<3>();
    let other = manager(&nodes);
    let held = other.lock("a").await.unwrap();
    let mut waiters: Vec<_> = (0..3)
        .map(|_| tokio::spawn(redlock.lock("a").wait(Duration::MAX)))
        .collect();
    // The first asks the nodes, those behind it stand in line; all have had a minute for it.
    tokio::time::sleep(60 * SECOND).await;
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    // And one that has just begun.
    waiters.push(tokio::spawn(redlock.lock("b")));
    let watch = Watch::start();
    redlock.shutdown().await;
    for waiter in waiters {
        assert!(matches!(waiter.await.unwrap(), Err(LockError::Closed)));
    }
    assert!(watch.elapsed() <= NODE_TIMEOUT, "{:?}", watch.elapsed());
    assert!(
        held.is_held(),
        "that of another manager is not its business"
    );
    settle().await;
    assert_eq!(holding(&nodes), 3, "nothing is left of those who waited");
}

#[tokio::test(start_paused = true)]
async fn shutdown_is_bounded() {
    let (nodes, redlock) = cluster::<3>();
    let _held = redlock.lock("a").await.unwrap();
    nodes.iter().for_each(|node| node.fault(Fault::Hang));
    let watch = Watch::start();
    redlock.shutdown().await;
    assert!(watch.elapsed() <= 3 * NODE_TIMEOUT, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_release_without_reachable_nodes_fails_at_once_and_names_every_cause() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Crash);
    let watch = Watch::start();
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
    assert_eq!(holding(&nodes), 0, "kept for the nodes all the same");
}
