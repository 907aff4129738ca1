//! The table for users of txredlock in `redlock/src/guide/comparison.md`, row by row.

use std::time::Duration;

use redlock::node::Fault;
use redlock::{LockError, MemoryNode, Redlock};

use crate::common::{MS, Stopwatch, cluster, holding, manager};
use crate::recorder::Recorder;

#[tokio::test(start_paused = true)]
async fn connect_makes_a_manager_over_several_servers() {
    let nodes = MemoryNode::cluster::<3>();
    let redlock = Redlock::connect(nodes.clone()).await.unwrap();
    let _guard = redlock.lock("resource").await.unwrap();
    assert_eq!(holding(&nodes), 3);
}

#[tokio::test(start_paused = true)]
async fn lock_takes_a_ttl_and_gives_validity_resource_and_key() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock
        .lock("resource")
        .ttl(Duration::from_millis(1000))
        .await
        .unwrap();
    // The arithmetic of txredlock: the ttl, minus 1 % of it and 2 ms, minus the elapsed time.
    assert_eq!(guard.remaining(), Duration::from_millis(1000 - 10 - 2));
    assert_eq!(guard.resource(), &"resource");
    let key = guard.lease_id().as_str();
    assert_eq!(
        redlock
            .status("resource")
            .await
            .lease_id()
            .unwrap()
            .as_str(),
        key
    );
}

#[tokio::test(start_paused = true)]
async fn a_held_resource_is_busy() {
    let redlock = Redlock::in_memory(3);
    let _guard = redlock.lock("resource").await.unwrap();
    let refused = redlock.lock("resource").wait(MS).await;
    assert!(matches!(refused, Err(LockError::Busy { .. })));
}

#[tokio::test(start_paused = true)]
async fn unlock_releases_by_guard_and_by_key() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("resource").await.unwrap();
    assert!(guard.release().await.unwrap().was_held());
    assert_eq!(holding(&nodes), 0);

    let lease = redlock.lock("resource").await.unwrap().detach();
    let key = lease.lease_id().to_string();
    assert!(redlock.unlock("resource", key).await.unwrap().was_held());
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn retry_count_and_retry_delay_keep_their_meaning() {
    let memory = MemoryNode::new();
    let node = Recorder::new(&memory);
    let redlock = Redlock::builder()
        .node(node.clone())
        .retry_count(3)
        .retry_delay(Duration::from_millis(200))
        .build()
        .unwrap();
    let guard = manager(std::slice::from_ref(&memory))
        .lock("resource")
        .await
        .unwrap();
    // Three attempts with two pauses between them, each of up to the delay.
    for _ in 0..20 {
        node.take();
        let watch = Stopwatch::start();
        let refused = redlock.lock("resource").await.unwrap_err();
        assert!(refused.is_busy());
        assert_eq!(node.take().len(), 3);
        assert!(is_two_pauses(watch.elapsed()), "{:?}", watch.elapsed());
    }
    // The same holds if this process has the lock, though it then sends nothing to the servers.
    drop(guard);
    let _guard = redlock.lock("resource").await.unwrap();
    node.take();
    let watch = Stopwatch::start();
    assert!(redlock.lock("resource").await.unwrap_err().is_busy());
    assert_eq!(node.take().len(), 0);
    assert!(is_two_pauses(watch.elapsed()), "{:?}", watch.elapsed());
}

/// Whether a time is that of two pauses, of at least half of the delay and at most all of it.
fn is_two_pauses(elapsed: Duration) -> bool {
    // Timers are due at whole milliseconds.
    (200 * MS..=402 * MS).contains(&elapsed)
}

#[tokio::test(start_paused = true)]
async fn one_error_carries_every_servers_error() {
    let (nodes, redlock) = cluster::<3>();
    nodes.iter().for_each(|node| node.fault(Fault::Crash));
    let refused = redlock.lock("resource").wait(MS).await.unwrap_err();
    assert_eq!(refused.failures().len(), 3);
    let text = refused.to_string();
    for node in &nodes {
        assert!(text.contains(&*redlock::Node::name(node)), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_servers_are_contacted_at_once() {
    let (nodes, redlock) = cluster::<5>();
    // The first contact takes a round trip more.
    redlock.nodes().await;
    nodes
        .iter()
        .for_each(|node| node.fault(Fault::Delay(Duration::from_millis(100))));
    let watch = Stopwatch::start();
    let _guard = redlock.lock("resource").await.unwrap();
    // One delay, not five.
    assert!(
        watch.elapsed() < Duration::from_millis(200),
        "{:?}",
        watch.elapsed()
    );
}
