//! Holders that are paused beyond their ttl, and their refused writes.

use std::time::Duration;

use redlock::fence::FenceGate;
use redlock::{LockGuard, MemoryNode, Redlock};

const TTL: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_late_write_of_a_paused_holder_is_refused() {
    let (gate, mut file) = (FenceGate::new(), Vec::new());
    let [ann, ben] = processes();
    let paused = lock(&ann).await;
    gate.write(paused.token(), || file.push("ann")).unwrap();

    pause().await;
    let next = lock(&ben).await;
    gate.write(next.token(), || file.push("ben")).unwrap();

    let late = gate.write(paused.token(), || file.push("ann, late"));
    let stale = late.unwrap_err();
    assert_eq!(stale.token(), paused.token());
    assert_eq!(stale.highest(), next.token());
    gate.write(next.token(), || file.push("ben again")).unwrap();
    assert_eq!(file, ["ann", "ben", "ben again"]);
}

/// Without the advance, the late write of the old holder is accepted after the next holder's read.
#[tokio::test(start_paused = true)]
async fn advancing_before_the_first_read_keeps_late_writes_out() {
    for shows_first in [true, false] {
        let gate = FenceGate::new();
        let [ann, ben] = processes();
        let paused = lock(&ann).await;
        pause().await;
        let next = lock(&ben).await;
        if shows_first {
            gate.advance(next.token()).unwrap();
        }
        let late = gate.advance(paused.token());
        assert_eq!(late.is_err(), shows_first, "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_grow_over_many_holders() {
    let gate = FenceGate::new();
    let processes = processes();
    for turn in 0..100 {
        let guard = lock(&processes[turn % 2]).await;
        let before = gate.highest();
        gate.advance(guard.token()).unwrap();
        assert!(gate.highest() > before, "{:?}", gate.highest());
    }
}

/// An extension continues the same acquisition. Adopting a lease is a new one.
#[tokio::test(start_paused = true)]
async fn extending_keeps_the_token_and_adopting_raises_it() {
    let [ann, ben] = processes();
    let guard = lock(&ann).await;
    let token = guard.token();
    guard.extend(2 * TTL).await.unwrap();
    assert_eq!(guard.token(), token);

    let lease = guard.detach();
    assert_eq!(lease.token(), Some(token));
    let adopted = ben.adopt(lease.resource(), lease.lease_id()).await.unwrap();
    assert!(adopted.token() > token);
}

/// Two processes that share their nodes.
fn processes() -> [Redlock; 2] {
    let nodes = MemoryNode::cluster::<3>();
    [(); 2].map(|()| Redlock::builder().nodes(nodes.clone()).build().unwrap())
}

async fn lock(redlock: &Redlock) -> LockGuard {
    let request = redlock.lock("file").ttl(TTL).auto_extend(false);
    request.await.unwrap()
}

/// Sleeps for longer than a lease lasts.
async fn pause() {
    tokio::time::sleep(2 * TTL).await;
}
