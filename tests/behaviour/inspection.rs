//! Status and health.

use std::time::Duration;

use redlock::node::{Fault, NodeHealth};
use redlock::{LockState, NodeErrorKind, Redlock};

use crate::common::{NODE_TIMEOUT, SECOND, Watch, cluster};

#[tokio::test(start_paused = true)]
async fn status_tells_who_holds_a_resource() {
    let redlock = Redlock::in_memory(3);
    let free = redlock.status("a").await;
    assert_eq!(free.state(), LockState::Free);
    assert!(!free.is_held() && free.lease_id().is_none() && free.remaining().is_none());

    let guard = redlock.lock("a").ttl(10 * SECOND).await.unwrap();
    tokio::time::advance(SECOND).await;
    let held = redlock.status("a").await;
    assert!(held.is_held());
    assert_eq!(held.lease_id(), Some(guard.lease_id()));
    assert_eq!(held.remaining(), Some(9 * SECOND));
    assert_eq!(held.nodes().len(), 3);
    assert!(guard.is_held(), "looking changes nothing");
}

#[tokio::test(start_paused = true)]
async fn status_is_unknown_rather_than_guessed() {
    let (nodes, redlock) = cluster::<3>();
    let _guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Crash);
    let unknown = redlock.status("a").await;
    assert_eq!(unknown.state(), LockState::Unknown);
    assert!(unknown.nodes()[0].record.is_err() && unknown.nodes()[2].record.is_ok());
    assert_eq!(redlock.status("b").await.state(), LockState::Unknown);
}

#[tokio::test(start_paused = true)]
async fn status_does_not_wait_for_a_hung_minority() {
    let (nodes, redlock) = cluster::<3>();
    let _guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Hang);
    let watch = Watch::start();
    assert_eq!(redlock.status("a").await.state(), LockState::Held);
    assert_eq!(redlock.status("b").await.state(), LockState::Free);
    // A moment for each, in case the node is merely the last to answer.
    assert!(watch.elapsed() <= NODE_TIMEOUT / 5, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_minority_of_leftovers_is_not_a_lock() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    drop(guard);
    nodes[1].fault(Fault::Crash);
    nodes[0].fault(Fault::Hang);
    assert_eq!(redlock.status("a").await.state(), LockState::Unknown);
    nodes[1].fault(None);
    assert_eq!(redlock.status("a").await.state(), LockState::Free);
}

#[tokio::test(start_paused = true)]
async fn the_health_of_every_node_is_told() {
    let (nodes, redlock) = cluster::<3>();
    nodes[1].fault(Fault::Crash);
    let reports = redlock.nodes().await;
    let usable: Vec<_> = reports.iter().map(redlock::NodeReport::is_usable).collect();
    assert_eq!(usable, [true, false, true]);
    assert!(matches!(reports[1].health, NodeHealth::Down(_)));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_been_silent_for_too_long_counts_as_down_until_it_answers() {
    let (nodes, redlock) = cluster::<3>();
    nodes[0].fault(Fault::Hang);
    nodes[1].fault(Fault::Hang);
    assert!(redlock.try_lock("a").await.unwrap_err().is_unavailable());
    tokio::time::sleep(5 * SECOND).await;
    let watch = Watch::start();
    let refused = redlock.try_lock("a").await.unwrap_err();
    assert_eq!(
        watch.elapsed(),
        Duration::ZERO,
        "nobody waits for them any more"
    );
    let kinds: Vec<_> = refused
        .failures()
        .iter()
        .map(|it| it.error().kind())
        .collect();
    assert_eq!(kinds, [NodeErrorKind::Unresponsive; 2]);
    assert!(!redlock.nodes().await[0].is_usable());

    nodes[0].fault(None);
    let _guard = redlock.try_lock("a").await.unwrap();
    assert!(redlock.nodes().await[0].is_usable());
}

#[tokio::test(start_paused = true)]
async fn a_release_that_waits_for_a_node_holds_nothing_else_back() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Crash);
    drop(guard);
    let watch = Watch::start();
    let refused = redlock.try_lock("b").await.unwrap_err();
    assert_eq!(watch.elapsed(), Duration::ZERO);
    let kinds: Vec<_> = refused
        .failures()
        .iter()
        .map(|it| it.error().kind())
        .collect();
    assert_eq!(kinds, [NodeErrorKind::Unreachable; 2]);
}
