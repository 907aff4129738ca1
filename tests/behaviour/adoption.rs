//! Leases that are detached, adopted by another manager, and released by id.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use redlock::node::Fault;
use redlock::{
    InvalidRequest, Lease, LockError, LossReason, MemoryNode, NodeRelease, ReleaseOutcome,
    UnlockError,
};

use crate::common::{MS, SECOND, TTL, cluster, holding, manager, settle};
use crate::recorder::{Note, recorded};

#[tokio::test(start_paused = true)]
async fn a_detached_lease_is_neither_extended_nor_released() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").ttl(10 * SECOND).await.unwrap();
    let lost = guard.lost();
    let token = guard.cancellation_token();
    let lease = guard.detach();
    assert!(token.is_cancelled(), "the lease is no longer extended");
    assert_eq!(holding(&nodes), 3);
    assert!(lease.remaining() > 9 * SECOND);
    tokio::time::sleep(11 * SECOND).await;
    assert_eq!(holding(&nodes), 0);
    assert!(lease.remaining().is_zero());
    assert!(
        tokio::time::timeout(TTL, lost).await.is_err(),
        "a detached lease is not lost"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_can_be_passed_to_another_process_as_text() {
    let (nodes, redlock) = cluster::<3>();
    let resource = &[b'a', 0, 0xff, b' ', b'%'][..];
    let text = redlock.lock(resource).await.unwrap().detach().to_string();

    let other = manager(&nodes);
    let lease: Lease = text.parse().unwrap();
    let guard = other
        .adopt(lease.resource(), lease.lease_id())
        .await
        .unwrap();
    assert_eq!(guard.resource().as_bytes(), resource);
    tokio::time::sleep(5 * TTL).await;
    assert!(guard.is_held(), "extended by the adopting manager");
    guard.release().await.unwrap();
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_cannot_be_adopted() {
    let (nodes, redlock) = cluster::<3>();
    let lease = redlock.lock("a").ttl(SECOND).await.unwrap().detach();
    tokio::time::sleep(2 * SECOND).await;
    let refused = redlock.adopt("a", lease.lease_id()).await.unwrap_err();
    let LockError::Lost(lost) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(lost.reason(), LossReason::Gone);

    let next = manager(&nodes).lock("a").await.unwrap();
    assert!(redlock.adopt("a", lease.lease_id()).await.is_err());
    assert!(next.is_held());
    assert_eq!(
        holding(&nodes),
        3,
        "the lease of another owner is left alone"
    );
}

#[tokio::test(start_paused = true)]
async fn adopting_without_a_quorum_leaves_the_lease_alone() {
    let (nodes, redlock) = cluster::<3>();
    let lease = redlock.lock("a").await.unwrap().detach();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Crash);
    let refused = redlock.adopt("a", lease.lease_id()).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    nodes[0].fault(None);
    nodes[1].fault(None);
    settle().await;
    assert_eq!(holding(&nodes), 3);
    let _guard = redlock.adopt("a", lease.lease_id()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_can_be_released_by_its_id() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let other = manager(&nodes);
    let released = other.unlock("a", guard.lease_id()).await.unwrap();
    assert!(released.was_held());
    assert_eq!(holding(&nodes), 0);
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);

    let again = other.unlock("a", guard.lease_id()).await.unwrap();
    assert!(!again.was_held());
}

#[tokio::test(start_paused = true)]
async fn a_guard_of_the_same_manager_ends_when_it_is_unlocked() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock_all(["a", "b"]).await.unwrap();
    let released = redlock.unlock("b", guard.lease_id()).await.unwrap();
    assert!(released.was_held());
    let is_deleted = |it: &NodeRelease| *it.outcome() == ReleaseOutcome::Deleted;
    assert!(released.nodes().iter().all(is_deleted), "{released:?}");
    assert!(!guard.is_held());
    assert_eq!(guard.lost().await.reason(), LossReason::Unlocked);
    assert_eq!(holding(&nodes), 0, "the other resource is released too");
    let again = redlock.unlock("b", guard.lease_id()).await.unwrap();
    assert!(!again.was_held());
}

#[tokio::test(start_paused = true)]
async fn a_guard_of_another_runtime_ends_when_it_is_unlocked() {
    let (nodes, redlock) = cluster::<3>();
    let there = redlock.clone();
    let guard = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let guard = runtime
            .block_on(there.lock("a").auto_extend(false))
            .unwrap();
        (runtime, guard)
    });
    let (runtime, guard) = guard.join().unwrap();
    let released = redlock.unlock("a", guard.lease_id()).await.unwrap();
    assert!(released.was_held());
    assert_eq!(guard.lost().await.reason(), LossReason::Unlocked);
    assert_eq!(holding(&nodes), 0);
    runtime.shutdown_background();
}

#[tokio::test(start_paused = true)]
async fn a_failed_adoption_does_not_extend_the_lease() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").ttl(10 * SECOND).auto_extend(false);
    let lease = guard.await.unwrap().detach();
    nodes[1..].iter().for_each(|node| node.fault(Fault::Crash));
    redlock.adopt_lease(&lease).await.unwrap_err();
    nodes[1..].iter().for_each(|node| node.fault(None));
    assert_eq!(holding(&nodes), 3);
    let status = redlock.status("a").await;
    assert_eq!(status.lease_id(), Some(lease.lease_id()));
    tokio::time::sleep(lease.remaining() + SECOND).await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn an_adoption_is_dropped_after_any_poll_and_leaves_the_lease() {
    let mut finished = false;
    for polls in 1.. {
        let (nodes, holder) = cluster::<3>();
        let guard = holder.lock("a").await.unwrap();
        // From its first extension on, the holder is notified of every change of its keys.
        tokio::time::sleep(TTL / 2).await;
        for (index, node) in (1..).zip(&nodes) {
            node.fault(Fault::Delay(10 * MS * index));
        }
        {
            let other = manager(&nodes);
            let mut adopted = pin!(other.adopt("a", guard.lease_id()));
            for _ in 0..polls {
                let mut cx = Context::from_waker(Waker::noop());
                if let Poll::Ready(adopted) = adopted.as_mut().poll(&mut cx) {
                    drop(adopted.unwrap());
                    finished = true;
                    break;
                }
                tokio::time::advance(5 * MS).await;
                settle().await;
            }
            // The adoption is dropped here.
        }
        if finished {
            assert!(polls > 6, "there was nothing to interrupt");
            return;
        }
        tokio::time::sleep(2 * TTL).await;
        assert!(guard.is_held(), "after {polls} polls");
        let status = manager(&nodes).status("a").await;
        assert_eq!(status.lease_id(), Some(guard.lease_id()));
        assert_eq!(holding(&nodes), 3, "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn an_adoption_during_shutdown_leaves_no_guard_and_no_trace() {
    for delay in 0..12 {
        let (nodes, former) = cluster::<3>();
        let lease = former.lock("a").await.unwrap().detach();
        let redlock = manager(&nodes);
        // The engine exists before the nodes are slow.
        redlock.status("a").await;
        for node in &nodes {
            node.fault(Fault::Delay(5 * MS));
        }
        let adopting = redlock.adopt_lease(&lease);
        let closing = async {
            tokio::time::sleep(2 * MS * delay).await;
            redlock.shutdown().await;
        };
        let (adopted, ()) = tokio::join!(adopting, closing);
        if let Ok(guard) = adopted {
            assert!(!guard.is_held(), "closed after {delay}");
            assert_eq!(guard.lost().await.reason(), LossReason::Shutdown);
            continue;
        }
        assert!(matches!(adopted, Err(LockError::Closed)), "{adopted:?}");
        tokio::time::sleep(SECOND).await;
        let status = former.status("a").await;
        assert_eq!(status.lease_id(), Some(lease.lease_id()));
        assert_eq!(holding(&nodes), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_detached_lease_is_not_rearmed_any_more() {
    let mut in_flight = 0;
    // From before the first extension until the re-arm that follows the second one is over.
    for step in 0..400 {
        let nodes: [MemoryNode; 3] = MemoryNode::cluster();
        let (recorders, redlock) = recorded(&nodes);
        nodes[2].fault(Fault::Crash);
        let guard = redlock.lock("a").await.unwrap();
        nodes[2].fault(Fault::Delay(100 * MS));
        tokio::time::sleep(8 * SECOND + 10 * MS * step).await;
        let (was_empty, lease) = (nodes[2].is_empty(), guard.detach());
        let is_rearm = |note: &Note| matches!(note, Note::Rearm { .. });
        if !was_empty || !recorders[2].take().iter().any(is_rearm) {
            continue;
        }
        in_flight += 1;
        tokio::time::sleep(SECOND).await;
        assert!(nodes[2].is_empty(), "step {step}");
        assert_eq!(holding(&nodes), 2, "step {step}");
        let _adopted = manager(&nodes).adopt_lease(&lease).await.unwrap();
    }
    assert!(in_flight > 0);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_id_releases_nothing() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    assert!(!redlock.unlock("a", "another id").await.unwrap().was_held());
    assert!(
        !redlock
            .unlock("b", guard.lease_id())
            .await
            .unwrap()
            .was_held()
    );
    assert_eq!(holding(&nodes), 3);
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn unlock_and_adopt_report_invalid_input_and_lost_quorums() {
    let (nodes, redlock) = cluster::<3>();
    let refused = redlock.unlock("a", "").await.unwrap_err();
    assert!(matches!(
        refused,
        UnlockError::Invalid(InvalidRequest::EmptyLeaseId)
    ));
    let refused = redlock.unlock("", "id").await.unwrap_err();
    assert!(matches!(
        refused,
        UnlockError::Invalid(InvalidRequest::EmptyResource)
    ));
    let refused = redlock.adopt("a", "").await.unwrap_err();
    assert!(matches!(
        refused,
        LockError::Invalid(InvalidRequest::EmptyLeaseId)
    ));
    nodes.iter().for_each(|node| node.fault(Fault::Crash));
    let refused = redlock.unlock("a", "id").await.unwrap_err();
    let UnlockError::NoQuorum { report } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(report.nodes().len(), 3);
}
