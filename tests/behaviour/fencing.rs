//! Fencing tokens, and the counters on the nodes that mint them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use redlock::node::{Command, Fault, Node, SessionOptions};
use redlock::{ConfigError, FencingToken, MemoryNode, NodeErrorKind, Redlock};

use crate::common::{MS, SECOND, cluster, holding, manager};
use crate::recorder::{Note, Recorder};

#[tokio::test(start_paused = true)]
async fn every_acquisition_has_a_larger_token() {
    let (nodes, redlock) = cluster::<5>();
    let mut last = FencingToken::new(0);
    for round in 0..200 {
        // The managers alternate.
        let other = manager(&nodes);
        let guard = if round % 2 == 0 {
            redlock.lock("a")
        } else {
            other.lock("a")
        };
        let guard = guard.await.unwrap();
        assert!(guard.token() > last, "{} after {last}", guard.token());
        last = guard.token();
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_does_not_change_while_the_lock_is_held() {
    let (_nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let token = guard.token();
    tokio::time::sleep(300 * SECOND).await;
    assert_eq!(guard.token(), token);
    assert_eq!(guard.try_token(), Some(token));
    assert_eq!(redlock.status("a").await.token(), Some(token));
    drop(guard);
    assert_eq!(
        redlock.status("a").await.token(),
        Some(token),
        "the last token is remembered"
    );
    assert_eq!(redlock.status("b").await.token(), None);
}

#[tokio::test(start_paused = true)]
async fn agreeing_counters_need_no_raise() {
    let nodes = MemoryNode::cluster::<5>();
    let recorders = nodes.each_ref().map(Recorder::new);
    let redlock = Redlock::builder().nodes(recorders.clone()).build().unwrap();
    for _ in 0..10 {
        drop(redlock.lock("a").await.unwrap());
    }
    for recorder in &recorders {
        let notes = recorder.take();
        assert_eq!(notes.len(), 20, "an acquire and a release each: {notes:?}");
        assert!(!notes.iter().any(|note| matches!(note, Note::Raise { .. })));
    }
}

/// Sets the counters of the nodes to these values.
pub(crate) fn diverge(nodes: &[MemoryNode], counters: &[u64]) {
    use redlock::node::{Acquire, Fence, Keys, Moment, Release, Responder};
    for (node, counter) in nodes.iter().zip(counters) {
        let session = node.open(SessionOptions::new(tokio::runtime::Handle::current()));
        let (keys, id) = (
            Keys::from(Arc::<[u8]>::from(&b"a"[..])),
            redlock::LeaseId::from("before"),
        );
        let acquire = Acquire::new(keys.clone(), id.clone(), SECOND, Responder::ignored());
        let fence = Fence::new(*counter, 3600 * SECOND);
        session.submit(Command::Acquire(acquire.fence(fence)));
        let gone_by = Moment::now().checked_add(SECOND).unwrap();
        session.submit(Command::Release(Release::new(
            keys,
            id,
            gone_by,
            Responder::ignored(),
        )));
    }
}

/// A counter beyond any proposal of a correct clock.
pub(crate) const AHEAD: u64 = 4_000_000_000_000_000;

#[tokio::test(start_paused = true)]
async fn diverging_counters_are_raised_once() {
    let nodes = MemoryNode::cluster::<3>();
    diverge(&nodes, &[AHEAD + 5, AHEAD + 7, AHEAD + 9]);
    let recorders = nodes.each_ref().map(Recorder::new);
    let redlock = Redlock::builder().nodes(recorders.clone()).build().unwrap();
    let guard = redlock.lock("a").await.unwrap();
    assert_eq!(guard.token(), FencingToken::new(AHEAD + 10));
    let raises: Vec<_> = recorders
        .iter()
        .map(|recorder| recorder.take().len() - 1)
        .collect();
    assert_eq!(raises, [1, 1, 0]);
    drop(guard);
    // The manager has learnt the largest counter, so the next acquisition is one round trip again.
    recorders.iter().for_each(|recorder| drop(recorder.take()));
    let guard = redlock.lock("a").await.unwrap();
    assert!(guard.token() > FencingToken::new(AHEAD + 10));
    assert!(recorders.iter().all(|recorder| recorder.take().len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_quorum_of_agreeing_counters_is_enough() {
    let nodes = MemoryNode::cluster::<3>();
    diverge(&nodes, &[AHEAD + 5, AHEAD + 5, AHEAD + 7]);
    let recorders = nodes.each_ref().map(Recorder::new);
    let redlock = Redlock::builder().nodes(recorders.clone()).build().unwrap();
    let guard = redlock.lock("a").await.unwrap();
    assert_eq!(guard.token(), FencingToken::new(AHEAD + 6));
    assert!(
        recorders.iter().all(|recorder| recorder.take().len() == 1),
        "no raise"
    );
}

#[tokio::test(start_paused = true)]
async fn no_guard_is_returned_without_a_token() {
    let nodes = MemoryNode::cluster::<3>();
    diverge(&nodes, &[AHEAD, AHEAD + 1, AHEAD + 2]);
    let redlock = manager(&nodes);
    // The first contact takes a round trip more.
    redlock.nodes().await;
    // Grants arrive late, and the responses to raises are lost.
    nodes
        .iter()
        .for_each(|node| node.fault(Fault::Delay(10 * MS)));
    let attempt = tokio::spawn(redlock.try_lock("a"));
    tokio::time::sleep(15 * MS).await;
    nodes.iter().for_each(|node| node.fault(Fault::LoseReplies));
    let refused = attempt.await.unwrap().unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    let kinds: Vec<_> = refused
        .failures()
        .iter()
        .map(|it| it.error().kind())
        .collect();
    assert_eq!(kinds, [NodeErrorKind::Timeout; 2]);
    nodes.iter().for_each(|node| node.fault(None));
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&nodes), 0, "the grants are released");
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_counter_is_an_error() {
    let nodes = MemoryNode::cluster::<3>();
    diverge(&nodes, &[9_007_199_254_740_000; 3]);
    let refused = manager(&nodes).try_lock("a").await.unwrap_err();
    assert_eq!(
        refused.failures()[0].error().kind(),
        NodeErrorKind::Counter,
        "{refused}"
    );
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn without_fencing_there_is_no_token_and_no_counter() {
    let nodes = MemoryNode::cluster::<3>();
    let redlock = Redlock::builder()
        .nodes(nodes.clone())
        .fencing(false)
        .build()
        .unwrap();
    let guard = redlock.lock("a").await.unwrap();
    assert_eq!(guard.try_token(), None);
    assert!(catch_unwind(AssertUnwindSafe(|| guard.token())).is_err());
    assert!(
        manager(&nodes).try_lock("a").await.unwrap_err().is_busy(),
        "exclusion does not depend on fencing"
    );
    drop(guard);
    assert_eq!(redlock.status("a").await.token(), None);
}

#[tokio::test(start_paused = true)]
async fn adopting_a_lease_fences_its_previous_holder() {
    let (nodes, redlock) = cluster::<5>();
    let guard = redlock.lock("a").await.unwrap();
    let before = guard.token();
    let lease: redlock::Lease = guard.detach().to_string().parse().unwrap();
    assert_eq!(lease.token(), Some(before));
    let guard = manager(&nodes).adopt("a", lease.lease_id()).await.unwrap();
    assert!(guard.token() > before);
    let adopted = guard.token();
    drop(guard);
    assert!(redlock.lock("a").await.unwrap().token() > adopted);
}

#[tokio::test(start_paused = true)]
async fn durable_tokens_need_more_nodes_and_survive_losses() {
    let nodes = MemoryNode::cluster::<5>();
    let redlock = Redlock::builder()
        .nodes(nodes.clone())
        .token_durability(4)
        .restart_quarantine(false)
        .build()
        .unwrap();
    let mut last = FencingToken::new(0);
    for lost in 0..50 {
        let guard = redlock.lock("a").await.unwrap();
        assert!(guard.token() > last);
        last = guard.token();
        drop(guard);
        // Tokens survive the loss of two of five counters: 2 * 4 - 5 - 1.
        nodes[lost % 5].wipe();
        nodes[(lost + 2) % 5].wipe();
    }
    nodes[0].fault(Fault::Crash);
    let held = redlock.lock("a").await.unwrap();
    nodes[1].fault(Fault::Crash);
    let refused = redlock.try_lock("b").await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("3 of 5 nodes granted, 4 needed"),
        "{refused}"
    );
    tokio::time::sleep(120 * SECOND).await;
    assert!(held.is_held(), "a quorum is enough to keep a lock");
}

#[tokio::test(start_paused = true)]
async fn counters_are_kept_for_the_retention_period() {
    let nodes = MemoryNode::cluster::<3>();
    let retention = 200 * SECOND;
    let redlock = Redlock::builder()
        .nodes(nodes)
        .fence_retention(retention)
        .build()
        .unwrap();
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(2 * retention).await;
    assert!(
        redlock.status("a").await.token().is_some(),
        "extensions keep the counter"
    );
    drop(guard);
    // Retention starts at the last extension, which was less than a third of the ttl ago.
    tokio::time::sleep(retention - 15 * SECOND).await;
    assert!(redlock.status("a").await.token().is_some());
    tokio::time::sleep(20 * SECOND).await;
    assert!(redlock.status("a").await.token().is_none());
}

#[test]
fn invalid_fencing_options_are_rejected() {
    let builder = || Redlock::builder().nodes(MemoryNode::cluster::<3>());
    let refused = builder().token_durability(4).build().unwrap_err();
    assert_eq!(
        refused,
        ConfigError::TokenDurability {
            durability: 4,
            nodes: 3
        }
    );
    let refused = builder().fence_retention(119 * SECOND).build().unwrap_err();
    assert!(
        matches!(refused, ConfigError::FenceRetention { .. }),
        "{refused}"
    );
    builder()
        .fence_retention(Duration::ZERO)
        .fencing(false)
        .build()
        .unwrap();
}
