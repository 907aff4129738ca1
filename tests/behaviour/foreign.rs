//! Locks that other libraries set on the same nodes.

use std::sync::Arc;
use std::time::Duration;

use redlock::node::{Acquire, Command, Keys, MemoryNode, Node, Responder, SessionOptions};
use redlock::{LeaseId, LockState};
use tokio::runtime::Handle;

use crate::common::{SECOND, cluster, holding, settle};

/// The value that rslock and the crate redlock 2.0 give a key: 20 random bytes, which are not text.
const RAW: [u8; 20] =
    *b"\x9f\x86\xd0\x81\x88\x4c\x7d\x65\x9a\x2f\xea\xa0\xc5\x5a\xd0\x15\xa3\xbf\x4f\x1b";

/// Sets the key `a` to `id`, as a library does that knows nothing of this one.
async fn occupy(nodes: &[MemoryNode], id: impl Into<LeaseId>, ttl: Duration) {
    let id = id.into();
    for node in nodes {
        let session = node.open(SessionOptions::new(Handle::current()));
        let keys = Keys::from(Arc::<[u8]>::from(&b"a"[..]));
        let acquire = Acquire::new(keys, id.clone(), ttl, Responder::ignored());
        session.submit(Command::Acquire(acquire));
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_value_is_not_text_is_reported_as_held() {
    let (nodes, redlock) = cluster::<5>();
    occupy(&nodes, &RAW, 30 * SECOND).await;
    let status = redlock.status("a").await;
    assert_eq!(status.state(), LockState::Held);
    assert_eq!(status.lease_id(), Some(&LeaseId::from(&RAW)));
    assert_eq!(status.remaining(), Some(30 * SECOND));
    assert!(redlock.try_lock("a").await.unwrap_err().is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_value_is_not_text_can_be_released_and_adopted() {
    let (nodes, redlock) = cluster::<3>();
    occupy(&nodes, &RAW, 30 * SECOND).await;
    // As the command shows and reads it.
    let shown = redlock.status("a").await.lease_id().unwrap().to_string();
    let id: LeaseId = shown.parse().unwrap();
    assert!(
        !redlock
            .unlock("a", shown.as_str())
            .await
            .unwrap()
            .was_held()
    );
    let guard = redlock.adopt("a", &id).await.unwrap();
    assert!(guard.is_held());
    drop(guard);
    settle().await;
    assert_eq!(holding(&nodes), 0);

    occupy(&nodes, &RAW, 30 * SECOND).await;
    assert!(redlock.unlock("a", RAW.to_vec()).await.unwrap().was_held());
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn split_votes_are_taken_and_not_free() {
    let (nodes, redlock) = cluster::<5>();
    occupy(&nodes[..2], "one", 5 * SECOND).await;
    occupy(&nodes[2..4], "two", 5 * SECOND).await;
    let status = redlock.status("a").await;
    assert_eq!(status.state(), LockState::Taken);
    assert!(!status.is_held() && status.lease_id().is_none());
    assert!(redlock.try_lock("a").await.unwrap_err().is_busy());
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(redlock.status("a").await.state(), LockState::Free);
}
