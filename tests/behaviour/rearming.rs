//! Leases whose nodes leave, come back, and lose their keys.

use redlock::{Fault, LockError, LossReason, MemoryNode, Redlock};

use crate::common::{MS, SECOND, TTL, cluster, holding, manager, settle};
use crate::recorder::recorded;

/// A node that comes back without its keys has them again within a node timeout, 1 s here.
const REARMED: std::time::Duration = std::time::Duration::from_millis(1_200);

/// How long a node that was wiped has no vote: the default `max_ttl`, with drift.
const QUARANTINE: std::time::Duration = std::time::Duration::from_millis(60_602);

/// Three extension intervals.
const LONG: std::time::Duration = TTL;

/// Fails unless the lock is held, and no other process can acquire it.
async fn assert_exclusive(guard: &redlock::LockGuard, others: &Redlock) {
    assert!(guard.is_held());
    let refused = others.try_lock("a").await.unwrap_err();
    let is_quarantined = matches!(refused, LockError::Quarantined { .. });
    assert!(refused.is_busy() || is_quarantined, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_nodes_that_lose_their_data_in_turn() {
    let (nodes, redlock) = cluster::<5>();
    let others = manager(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    let token = guard.token();
    for round in 0..4 {
        for node in &nodes {
            node.wipe();
            tokio::time::sleep(REARMED).await;
            assert_eq!(holding(&nodes), 5, "round {round}");
            assert_exclusive(&guard, &others).await;
        }
    }
    assert_eq!(guard.token(), token);
    // The counters came back with the keys.
    drop(guard);
    tokio::time::sleep(QUARANTINE).await;
    assert!(redlock.lock("a").await.unwrap().token() > token);
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_nodes_that_are_cut_off_in_turn() {
    for fault in [Fault::Hang, Fault::Crash, Fault::DropRequests] {
        let (nodes, redlock) = cluster::<5>();
        let others = manager(&nodes);
        let guard = redlock.lock("a").await.unwrap();
        for node in &nodes {
            node.fault(fault);
            // Its key expires meanwhile.
            tokio::time::sleep(2 * TTL).await;
            assert!(node.is_empty(), "{fault:?}");
            node.fault(None);
            tokio::time::sleep(REARMED).await;
            assert_eq!(holding(&nodes), 5, "{fault:?}");
            assert_exclusive(&guard, &others).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_grows_to_nodes_that_were_down_when_it_was_won() {
    let (nodes, redlock) = cluster::<5>();
    nodes[..2].iter().for_each(|node| node.fault(Fault::Crash));
    let guard = redlock.lock("a").await.unwrap();
    nodes[..2].iter().for_each(|node| node.fault(None));
    tokio::time::sleep(REARMED).await;
    assert_eq!(holding(&nodes), 5);
    // A minority of the first quorum can fail now.
    nodes[3..].iter().for_each(|node| node.fault(Fault::Hang));
    tokio::time::sleep(4 * TTL).await;
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_does_not_keep_a_node_out() {
    let (nodes, redlock) = cluster::<3>();
    nodes[0].fault(Fault::LoseReplies);
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].fault(None);
    tokio::time::sleep(LONG).await;
    nodes[1].fault(Fault::Crash);
    tokio::time::sleep(4 * TTL).await;
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_node_taken_by_another_owner_is_rearmed_once_it_is_free() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].forget_keys();
    let alone = manager(&nodes[..1]);
    let other = alone.lock("a").await.unwrap();
    tokio::time::sleep(LONG).await;
    assert!(guard.is_held() && other.is_held());
    let status = redlock.status("a").await;
    assert_eq!(status.lease_id(), Some(guard.lease_id()));
    drop(other);
    tokio::time::sleep(LONG).await;
    let alone = alone.status("a").await;
    assert_eq!(alone.lease_id(), Some(guard.lease_id()));
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_no_key_is_put_back() {
    let (nodes, redlock) = cluster::<5>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[..3].iter().for_each(MemoryNode::forget_keys);
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);
    settle().await;
    assert_eq!(holding(&nodes), 0);
    assert!(redlock.try_lock("a").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_lease_without_auto_extend_is_not_rearmed() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").auto_extend(false).await.unwrap();
    nodes[0].wipe();
    guard.extend(TTL).await.unwrap();
    settle().await;
    assert_eq!(holding(&nodes), 2);
}

#[tokio::test(start_paused = true)]
async fn rearming_respects_max_hold() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").max_hold(TTL + SECOND).await.unwrap();
    tokio::time::sleep(TTL - SECOND).await;
    nodes[0].wipe();
    settle().await;
    assert_eq!(guard.lost().await.reason(), LossReason::MaxHold);
    // No key was set for longer than the hold, and all are released.
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_follows_a_rearm_that_is_late() {
    for delay in [5, 50, 500] {
        let (nodes, redlock) = cluster::<3>();
        let guard = redlock.lock("a").await.unwrap();
        nodes[0].wipe();
        nodes[0].fault(Fault::Delay(delay * MS));
        tokio::time::sleep(TTL / 3).await;
        drop(guard);
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(holding(&nodes), 0, "{delay} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unlock_elsewhere_prevails_over_extensions_in_between() {
    // A labelled holder is notified of the first deletion, and one that has extended its lease too: it
    // then finds the key gone twice.
    for label in ["", "held"] {
        let nodes = MemoryNode::cluster::<3>();
        let builder = Redlock::builder().nodes(nodes.clone());
        let redlock = builder.label(label).build().unwrap();
        // The other process cannot reach the third node, and is slow to reach the second.
        let third = MemoryNode::new();
        third.fault(Fault::Crash);
        let unlocker = manager(&[nodes[0].clone(), nodes[1].clone(), third]);
        let guard = redlock.lock("a").await.unwrap();
        let id = guard.lease_id().clone();
        settle().await;
        nodes[1].fault(Fault::Delay(5 * MS));
        let unlocking = tokio::spawn(async move {
            let unlocked = unlocker.unlock("a", &id).await;
            (unlocked, unlocker)
        });
        settle().await;
        nodes[1].fault(None);
        for _ in 0..3 {
            guard.extend(TTL).await.unwrap();
        }
        let (unlocked, _unlocker) = unlocking.await.unwrap();
        unlocked.unwrap();
        let lost = tokio::time::timeout(TTL, guard.lost()).await.unwrap();
        assert_eq!(lost.reason(), LossReason::Gone);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_slower_than_the_node_timeout_is_rearmed() {
    let (nodes, redlock) = cluster::<5>();
    // The first contact takes a round trip more.
    redlock.nodes().await;
    nodes[0].fault(Fault::Delay(1_100 * MS));
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(holding(&nodes), 5, "its late grant counts");
    nodes[0].forget_keys();
    tokio::time::sleep(2 * LONG).await;
    assert!(guard.is_held());
    assert_eq!(holding(&nodes), 5);
}

#[tokio::test(start_paused = true)]
async fn leases_that_have_ended_do_not_delay_the_rest() {
    let (nodes, redlock) = cluster::<5>();
    let mut guards = Vec::new();
    for number in 0..100 {
        guards.push(redlock.lock(format!("ended {number}")).await.unwrap());
    }
    drop(guards);
    settle().await;
    let _guard = redlock.lock("a").await.unwrap();
    nodes[0].wipe();
    tokio::time::sleep(REARMED).await;
    assert_eq!(holding(&nodes), 5);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_always_loses_its_keys_does_not_multiply_the_extensions() {
    let nodes = MemoryNode::cluster::<3>();
    let (recorders, redlock) = recorded(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    // Slow enough that the keys are gone again before an extension can find them.
    nodes[0].fault(Fault::Delay(10 * MS));
    let losing = nodes[0].clone();
    let loses = tokio::spawn(async move {
        loop {
            losing.forget_keys();
            tokio::time::sleep(MS).await;
        }
    });
    tokio::time::sleep(TTL).await;
    drop(recorders[1].take());
    tokio::time::sleep(10 * TTL).await;
    loses.abort();
    assert!(guard.is_held());
    // One every third of the ttl at most, less the jitter of a quarter or so.
    let extensions = recorders[1].take().len();
    assert!((25..50).contains(&extensions), "{extensions}");
}
