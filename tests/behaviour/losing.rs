//! The causes of a loss, as the error names them.

use redlock::node::Fault;
use redlock::{Error, LockError, LockLost, LossReason, MemoryNode, NodeErrorKind};

use crate::common::{MS, SECOND, TTL, cluster, manager};

/// The failed nodes of a loss, by their positions, with the kinds of their failures.
fn causes(lost: &LockLost, nodes: &[MemoryNode]) -> Vec<(usize, NodeErrorKind)> {
    let position = |name: &str| {
        let names = nodes.iter().map(redlock::node::Node::name);
        names.into_iter().position(|it| &*it == name).unwrap()
    };
    let failures = lost.failures().iter();
    failures
        .map(|it| (position(it.node()), it.error().kind()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_loss_names_the_failure_of_each_node() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Hang);
    let lost = guard.lost().await;
    assert_eq!(lost.reason(), LossReason::Expired);
    let expected = [
        (0, NodeErrorKind::Unreachable),
        (1, NodeErrorKind::Unresponsive),
    ];
    assert_eq!(causes(&lost, &nodes), expected);
    let text = lost.to_string();
    for failure in lost.failures() {
        assert!(text.contains(&failure.to_string()), "{text}");
    }
    let error = Error::from(lost.clone());
    assert_eq!(&*error.failures(), lost.failures());
    let Err(error) = guard.extend(TTL).await else {
        panic!("a lost lock was extended")
    };
    assert_eq!(&*Error::from(error).failures(), lost.failures());
    assert_eq!(guard.lost().await, lost, "the causes stay");
}

#[tokio::test(start_paused = true)]
async fn a_node_without_any_response_is_named() {
    let (nodes, redlock) = cluster::<3>();
    // Shorter than the time after which a silent node fails its commands.
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    nodes[..2]
        .iter()
        .for_each(|node| node.fault(Fault::LoseReplies));
    let lost = guard.lost().await;
    let expected = [(0, NodeErrorKind::Timeout), (1, NodeErrorKind::Timeout)];
    assert_eq!(causes(&lost, &nodes), expected);
}

#[tokio::test(start_paused = true)]
async fn nodes_that_confirm_again_are_not_named() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    tokio::time::sleep(TTL).await;
    nodes[0].fault(None);
    tokio::time::sleep(TTL).await;
    nodes[1..].iter().for_each(|node| node.fault(Fault::Crash));
    let lost = guard.lost().await;
    let expected = [
        (1, NodeErrorKind::Unreachable),
        (2, NodeErrorKind::Unreachable),
    ];
    assert_eq!(causes(&lost, &nodes), expected);
}

#[tokio::test(start_paused = true)]
async fn a_loss_names_the_nodes_without_the_key() {
    let (nodes, redlock) = cluster::<5>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[..3].iter().for_each(MemoryNode::forget_keys);
    let lost = guard.lost().await;
    assert_eq!(lost.reason(), LossReason::Gone);
    let expected = [0, 1, 2].map(|node| (node, NodeErrorKind::NotHeld));
    assert_eq!(causes(&lost, &nodes), expected);
}

#[tokio::test(start_paused = true)]
async fn a_loss_names_a_node_that_another_owner_has_taken() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].forget_keys();
    let _other = manager(&nodes[..1]).lock("a").await.unwrap();
    // Long enough to meet the other owner.
    tokio::time::sleep(TTL).await;
    nodes[1].fault(Fault::Crash);
    let lost = guard.lost().await;
    let expected = [(0, NodeErrorKind::Taken), (1, NodeErrorKind::Unreachable)];
    assert_eq!(causes(&lost, &nodes), expected);
}

#[tokio::test(start_paused = true)]
async fn no_node_is_named_for_a_loss_that_none_caused() {
    let (nodes, redlock) = cluster::<3>();
    nodes[0].fault(Fault::Crash);
    let guard = redlock.lock("a").max_hold(2 * TTL).await.unwrap();
    let lost = guard.lost().await;
    assert_eq!(lost.reason(), LossReason::MaxHold);
    assert_eq!(lost.failures(), []);

    let guard = redlock.lock("b").await.unwrap();
    tokio::time::sleep(TTL).await;
    redlock.shutdown().await;
    let lost = guard.lost().await;
    assert_eq!(lost.reason(), LossReason::Shutdown);
    assert_eq!(lost.failures(), []);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ends_on_purpose_has_no_causes() {
    let (_nodes, redlock) = cluster::<3>();
    let request = redlock.lock("a").auto_extend(false);
    let lost = request.await.unwrap().lost().await;
    assert_eq!(lost.reason(), LossReason::Expired);
    assert_eq!(lost.failures(), []);
    let text = "lost the lock on a: its validity ended before a quorum of nodes extended it";
    assert_eq!(lost.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_that_is_adopted_has_causes() {
    let (nodes, redlock) = cluster::<3>();
    let lease = redlock.lock("a").ttl(100 * MS).await.unwrap().detach();
    tokio::time::sleep(SECOND).await;
    let refused = redlock.adopt("a", lease.lease_id()).await.unwrap_err();
    let LockError::Lost(lost) = &refused else {
        panic!("{refused:?}")
    };
    let causes = causes(lost, &nodes);
    assert!(causes.len() >= 2, "{causes:?}");
    assert!(causes.iter().all(|it| it.1 == NodeErrorKind::NotHeld));
}
