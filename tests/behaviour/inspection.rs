//! The status of a resource, and the health of nodes.

use std::time::Duration;

use redlock::node::{Fault, NodeHealth};
use redlock::{LockState, MemoryNode, NodeErrorKind, Redlock};

use crate::common::{NODE_TIMEOUT, SECOND, Stopwatch, cluster, settle};
use crate::quarantine;

#[tokio::test(start_paused = true)]
async fn status_reports_the_holder_of_a_resource() {
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
    assert!(guard.is_held(), "status has no side effects");
}

#[tokio::test(start_paused = true)]
async fn status_without_a_quorum_is_unknown() {
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
    let watch = Stopwatch::start();
    assert_eq!(redlock.status("a").await.state(), LockState::Held);
    assert_eq!(redlock.status("b").await.state(), LockState::Free);
    // Each status waits a moment for the last node, in case it is merely slow.
    assert!(watch.elapsed() <= NODE_TIMEOUT / 5, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn leftover_keys_on_a_minority_are_not_a_lock() {
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
async fn the_health_of_every_node_is_reported() {
    let (nodes, redlock) = cluster::<3>();
    nodes[1].fault(Fault::Crash);
    let reports = redlock.nodes().await;
    let usable: Vec<_> = reports.iter().map(redlock::NodeReport::is_usable).collect();
    assert_eq!(usable, [true, false, true]);
    assert!(matches!(reports[1].health, NodeHealth::Down(_)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_counts_as_down_until_it_responds() {
    let (nodes, redlock) = cluster::<3>();
    nodes[0].fault(Fault::Hang);
    nodes[1].fault(Fault::Hang);
    assert!(redlock.try_lock("a").await.unwrap_err().is_unavailable());
    tokio::time::sleep(5 * SECOND).await;
    let watch = Stopwatch::start();
    let refused = redlock.try_lock("a").await.unwrap_err();
    assert_eq!(
        watch.elapsed(),
        Duration::ZERO,
        "the round does not wait for silent nodes"
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
async fn a_pending_release_does_not_delay_other_requests() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Crash);
    drop(guard);
    let watch = Stopwatch::start();
    let refused = redlock.try_lock("b").await.unwrap_err();
    assert_eq!(watch.elapsed(), Duration::ZERO);
    let kinds: Vec<_> = refused
        .failures()
        .iter()
        .map(|it| it.error().kind())
        .collect();
    assert_eq!(kinds, [NodeErrorKind::Unreachable; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_nodes_may_have_lost_is_not_reported_as_free() {
    let nodes = quarantine::servers::<3>();
    let redlock = quarantine::formed(&nodes).await;
    let other = quarantine::manager(&nodes);
    let held = other.lock("a").auto_extend(false).await.unwrap();
    nodes[..2].iter().for_each(MemoryNode::wipe);
    settle().await;
    let status = redlock.status("a").await;
    assert_eq!(status.state(), LockState::Unknown);
    assert!(held.is_held());
    let refused: Vec<_> = status
        .nodes()
        .iter()
        .map(|it| it.refusal.is_some())
        .collect();
    assert_eq!(refused, [true, true, false]);
    assert!(redlock.try_lock("b").await.unwrap_err().is_unavailable());

    tokio::time::sleep(quarantine::QUARANTINE + SECOND).await;
    assert_eq!(redlock.status("a").await.state(), LockState::Free);
}
