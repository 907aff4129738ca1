//! Leases that are detached, adopted by another manager, and released by id.

use redlock::node::Fault;
use redlock::{InvalidRequest, Lease, LockError, LossReason, UnlockError};

use crate::common::{SECOND, TTL, cluster, holding, manager, settle};

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
