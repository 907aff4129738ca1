//! Nodes that may have lost locks, and the records by which they are recognized.

use std::time::Duration;

use redlock::node::NodeHealth;
use redlock::{Fault, LockError, MemoryNode, NodeErrorKind, Redlock};

use crate::common::{MS, SECOND, Stopwatch, holding, settle};

/// The longest ttl in these tests, and the time for which a node that lost locks has no vote.
pub(crate) const MAX_TTL: Duration = Duration::from_secs(10);
pub(crate) const QUARANTINE: Duration = Duration::from_millis(10_102);

/// How long a manager that forms a deployment lets others come first.
const FORMING: Duration = SECOND;

/// Returns nodes that do not know whether they lost data.
pub(crate) fn servers<const N: usize>() -> [MemoryNode; N] {
    std::array::from_fn(|index| MemoryNode::like_a_server(format!("server-{index}")))
}

pub(crate) fn builder(nodes: &[MemoryNode]) -> redlock::RedlockBuilder {
    let nodes = nodes.iter().cloned();
    let builder = Redlock::builder().nodes(nodes);
    builder.ttl(MAX_TTL / 2).max_ttl(MAX_TTL)
}

pub(crate) fn manager(nodes: &[MemoryNode]) -> Redlock {
    builder(nodes).build().unwrap()
}

/// Returns a manager over a deployment that has been formed.
pub(crate) async fn formed(nodes: &[MemoryNode]) -> Redlock {
    let redlock = manager(nodes);
    redlock
        .lock("forming")
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    redlock
}

async fn quarantined(redlock: &Redlock) -> Vec<bool> {
    let reports = redlock.nodes().await;
    let health = reports.iter().map(|report| &report.health);
    health
        .map(|health| matches!(health, NodeHealth::Quarantined { .. }))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_deployment_is_usable_within_a_second_and_a_half() {
    let watch = Stopwatch::start();
    let _guard = manager(&servers::<3>()).try_lock("a").await.unwrap();
    assert!((FORMING..FORMING * 3 / 2).contains(&watch.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_later_manager_does_not_wait() {
    let nodes = servers::<3>();
    let _first = formed(&nodes).await;
    let watch = Stopwatch::start();
    let _guard = manager(&nodes).try_lock("a").await.unwrap();
    assert_eq!(watch.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn managers_that_start_at_once_form_one_deployment() {
    for seed in 0..20 {
        let nodes = servers::<5>();
        for (index, node) in nodes.iter().enumerate() {
            let delay = (seed * 7 + u32::try_from(index).unwrap() * 3) % 40;
            node.fault(Fault::Delay(MS * delay));
        }
        let managers: Vec<_> = (0..20).map(|_| manager(&nodes)).collect();
        let locks = managers.iter().enumerate().map(|(index, redlock)| {
            let request = redlock.lock(index.to_string());
            tokio::spawn(request)
        });
        for lock in locks.collect::<Vec<_>>() {
            drop(lock.await.unwrap().unwrap());
        }
        tokio::time::sleep(SECOND).await;
        for redlock in &managers {
            let reports = redlock.nodes().await;
            assert!(reports.iter().all(|it| it.is_usable()), "{reports:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_else_acquires_while_the_holder_is_paused() {
    for quorum_lost in [MemoryNode::wipe, MemoryNode::restart, MemoryNode::flush] {
        let nodes = servers::<5>();
        let redlock = formed(&nodes).await;
        // A holder that is paused does not extend its lease.
        let holder = redlock
            .lock("a")
            .ttl(MAX_TTL)
            .auto_extend(false)
            .await
            .unwrap();
        nodes[..3].iter().for_each(quorum_lost);
        let other = manager(&nodes);
        let watch = Stopwatch::start();
        let refused = other.try_lock("a").await.unwrap_err();
        assert!(
            matches!(refused, LockError::Quarantined { remaining, .. } if remaining <= QUARANTINE),
            "{refused:?}"
        );
        let acquired = other.lock("a").wait(2 * MAX_TTL).await.unwrap();
        assert!(!holder.is_held());
        assert!(watch.elapsed() >= MAX_TTL);
        assert!(
            watch.elapsed() <= QUARANTINE + SECOND,
            "{:?}",
            watch.elapsed()
        );
        drop(acquired);
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_does_not_wait_beyond_its_wait() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    nodes[..2].iter().for_each(MemoryNode::wipe);
    let watch = Stopwatch::start();
    let refused = redlock.lock("a").wait(3 * SECOND).await.unwrap_err();
    assert!(
        matches!(refused, LockError::Quarantined { .. }),
        "{refused:?}"
    );
    assert_eq!(
        refused.retry_after().map(|it| it < QUARANTINE - 2 * SECOND),
        Some(true)
    );
    assert!((3 * SECOND..4 * SECOND).contains(&watch.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_minority_in_quarantine_does_not_stop_the_others() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    nodes[1].wipe();
    assert_eq!(quarantined(&redlock).await, [false, true, false]);
    let guard = redlock.try_lock("a").await.unwrap();
    assert_eq!(holding(&nodes), 2, "no acquire was sent to the node");
    // The lease returns to the node, which has no vote.
    tokio::time::sleep(MAX_TTL / 2).await;
    assert_eq!(holding(&nodes), 3);
    assert_eq!(quarantined(&redlock).await, [false, true, false]);
    // A manager that starts now works too.
    let _guard = manager(&nodes).try_lock("b").await.unwrap();
    tokio::time::sleep(QUARANTINE).await;
    assert_eq!(quarantined(&redlock).await, [false; 3]);
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_ends_once_for_all_managers() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    nodes[0].wipe();
    settle().await;
    tokio::time::sleep(QUARANTINE - SECOND).await;
    let later = manager(&nodes);
    assert_eq!(quarantined(&later).await, [true, false, false]);
    tokio::time::sleep(SECOND + 10 * MS).await;
    for redlock in [redlock, later] {
        assert_eq!(quarantined(&redlock).await, [false; 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_blank_node_is_not_new_beside_a_deployment() {
    let nodes = servers::<3>();
    drop(formed(&nodes).await);
    // Long after the deployment was formed, and unseen by any manager.
    tokio::time::sleep(3600 * SECOND).await;
    nodes[2].flush();
    assert_eq!(quarantined(&manager(&nodes)).await, [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn blank_nodes_are_kept_out_while_another_is_unknown() {
    let nodes = servers::<3>();
    drop(formed(&nodes).await);
    nodes[0].fault(Fault::Crash);
    nodes[1..].iter().for_each(MemoryNode::wipe);
    let redlock = manager(&nodes);
    let refused = redlock.try_lock("a").await.unwrap_err();
    assert!(
        matches!(refused, LockError::Quarantined { .. }),
        "{refused:?}"
    );
    let watch = Stopwatch::start();
    let _guard = redlock.lock("a").wait(2 * MAX_TTL).await.unwrap();
    assert!(watch.elapsed() >= MAX_TTL, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_knew_the_deployment_writes_it_back() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    nodes.iter().for_each(MemoryNode::wipe);
    let new = manager(&nodes);
    let refused = new.try_lock("a").await.unwrap_err();
    assert!(
        matches!(refused, LockError::Quarantined { .. }),
        "{refused:?}"
    );
    assert_eq!(quarantined(&redlock).await, [true; 3]);
}

#[tokio::test(start_paused = true)]
async fn the_longest_ttl_of_any_manager_counts() {
    let nodes = servers::<3>();
    drop(formed(&nodes).await);
    let long = builder(&nodes).max_ttl(6 * MAX_TTL).build().unwrap();
    let holder = long
        .lock("a")
        .ttl(6 * MAX_TTL)
        .auto_extend(false)
        .await
        .unwrap();
    let short = manager(&nodes);
    short.nodes().await;
    drop(long);
    nodes[..2].iter().for_each(MemoryNode::wipe);
    let watch = Stopwatch::start();
    let _guard = short.lock("a").wait(10 * MAX_TTL).await.unwrap();
    assert!(!holder.is_held());
    assert!(watch.elapsed() >= 6 * MAX_TTL, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nodes_of_another_deployment_have_no_vote() {
    let nodes = servers::<5>();
    drop(formed(&nodes).await);
    let smaller = manager(&nodes[..3]);
    let refused = smaller.try_lock("a").await.unwrap_err();
    let kinds: Vec<_> = refused
        .failures()
        .iter()
        .map(|it| it.error().kind())
        .collect();
    assert_eq!(kinds, [NodeErrorKind::Misplaced; 3], "{refused}");
    assert!(refused.to_string().contains("allow_resize"), "{refused}");

    let resized = builder(&nodes[..3]).allow_resize(true).build().unwrap();
    let _guard = resized.try_lock("a").await.unwrap();
    let _guard = manager(&nodes[..3]).try_lock("b").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn managers_that_resize_to_different_nodes_do_not_alternate() {
    let nodes = servers::<4>();
    let resizing = |nodes: &[MemoryNode]| builder(nodes).allow_resize(true).build().unwrap();
    let (one, other) = (resizing(&nodes[..3]), resizing(&nodes));
    drop(one.try_lock("a").await);
    drop(other.try_lock("a").await);
    tokio::time::sleep(3 * QUARANTINE).await;
    // One of them has the nodes now, and the other one knows.
    let votes = [one.try_lock("a").await, other.try_lock("b").await];
    let refused = votes.iter().find_map(|vote| vote.as_ref().err()).unwrap();
    let mut kinds = refused.failures().iter().map(|it| it.error().kind());
    assert!(kinds.all(|it| it == NodeErrorKind::Misplaced), "{refused}");
    assert!(votes.iter().any(Result::is_ok), "{votes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_at_the_end_of_a_quarantine_succeeds() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    nodes.iter().for_each(MemoryNode::wipe);
    let refused = redlock.try_lock("a").await.unwrap_err();
    tokio::time::sleep(refused.retry_after().unwrap()).await;
    let _guard = redlock.try_lock("a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_added_is_in_quarantine_first() {
    let nodes = servers::<5>();
    drop(formed(&nodes[..3]).await);
    let larger = builder(&nodes).allow_resize(true).build().unwrap();
    assert_eq!(
        quarantined(&larger).await,
        [false, false, false, true, true]
    );
    tokio::time::sleep(QUARANTINE + 10 * MS).await;
    assert_eq!(quarantined(&larger).await, [false; 5]);
    let _guard = larger.try_lock("a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_manager_without_quarantine_is_reported_to_the_others() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    let without = builder(&nodes).restart_quarantine(false).build().unwrap();
    let _guard = without.try_lock("a").await.unwrap();
    let reports = redlock.nodes().await;
    let warned = reports.iter().filter(|report| !report.warnings.is_empty());
    assert_eq!(warned.count(), 3, "{reports:?}");
    nodes.iter().for_each(MemoryNode::wipe);
    let _guard = without.try_lock("a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_grant_across_a_loss_does_not_count() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    nodes
        .iter()
        .for_each(|node| node.fault(Fault::Delay(100 * MS)));
    let request = tokio::spawn(redlock.try_lock("a"));
    tokio::time::sleep(50 * MS).await;
    nodes[..2].iter().for_each(MemoryNode::flush);
    let refused = request.await.unwrap().unwrap_err();
    let failures = refused.failures().iter().map(|it| it.error().kind());
    assert_eq!(failures.collect::<Vec<_>>(), [NodeErrorKind::DataLost; 2]);
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&nodes), 0, "the grants are released");
}

#[tokio::test(start_paused = true)]
async fn a_holder_keeps_its_lock_through_rolling_restarts() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    let other = manager(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    for round in 0..20 {
        nodes[round % 3].wipe();
        tokio::time::sleep(2 * SECOND).await;
        assert!(guard.is_held(), "round {round}");
        let refused = other.try_lock("a").await.unwrap_err();
        assert!(refused.is_busy() || refused.is_unavailable());
    }
}
