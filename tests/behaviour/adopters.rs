//! Adopters of one lease, beside each other and beside its holder.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redlock::node::Fault;
use redlock::{LockError, LockGuard, LossReason, MemoryNode, Redlock};
use redlock_tests::Slow;

use crate::common::{MS, SECOND, TTL, cluster, holding, manager, settle};

/// Returns a manager whose commands reach each node after a delay of its own.
fn slow_manager<D>(nodes: &[MemoryNode], delay: impl Fn(usize) -> D) -> Redlock
where
    D: Fn() -> Duration + Send + Sync + 'static,
{
    let nodes = nodes.iter().enumerate();
    let slow = nodes.map(|(index, node)| Slow::new(node.clone(), delay(index)));
    Redlock::builder().nodes(slow).build().unwrap()
}

/// Locks "a", and waits until the holder has extended the lease: from then on, it is notified of
/// every change of its keys.
async fn hold(redlock: &Redlock) -> LockGuard {
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(TTL / 2).await;
    guard
}

async fn assert_untouched(nodes: &[MemoryNode], guard: &LockGuard, text: &str) {
    assert!(guard.is_held(), "{text}");
    let status = manager(nodes).status("a").await;
    assert_eq!(status.lease_id(), Some(guard.lease_id()), "{text}");
    tokio::time::sleep(2 * TTL).await;
    assert!(guard.is_held(), "{text}");
    let released = manager(nodes).unlock("a", guard.lease_id()).await;
    assert!(released.unwrap().was_held(), "{text}");
    assert_eq!(
        holding(nodes),
        0,
        "each node had the id of the holder: {text}"
    );
}

#[tokio::test(start_paused = true)]
async fn no_two_guards_have_one_lease() {
    let (nodes, redlock) = cluster::<3>();
    let former = hold(&redlock).await;
    let (token, id) = (former.token(), former.lease_id().clone());
    let adopted = redlock.adopt("a", &id).await.unwrap();
    assert!(!former.is_held(), "ended before the other is returned");
    assert_eq!(former.lost().await.reason(), LossReason::Adopted);
    assert_ne!(adopted.lease_id(), &id);
    assert!(adopted.token() > token);
    // A second adopter comes too late, and the former guard releases nothing of the new one.
    redlock.adopt("a", &id).await.unwrap_err();
    drop(former);
    settle().await;
    assert_eq!(holding(&nodes), 3);
    let refused = manager(&nodes).try_lock("a").await.unwrap_err();
    assert!(refused.is_busy(), "{refused:?}");
    tokio::time::sleep(2 * TTL).await;
    assert!(adopted.is_held());
    redlock.unlock("a", &id).await.unwrap();
    assert!(adopted.is_held(), "the former id is worth nothing");
}

#[tokio::test(start_paused = true)]
async fn a_holder_elsewhere_ends_with_its_next_extensions() {
    for watched in [false, true] {
        let (nodes, redlock) = cluster::<3>();
        let former = redlock.lock("a").await.unwrap();
        if watched {
            tokio::time::sleep(TTL / 2).await;
        }
        let other = manager(&nodes);
        let adopted = other.adopt("a", former.lease_id()).await.unwrap();
        // Notified, it asks until the time of the adopter is over: two node timeouts, and one more
        // until the next extension. Otherwise, it finds out when an extension is due.
        let bound = if watched {
            4 * SECOND
        } else {
            TTL / 3 + SECOND
        };
        let lost = tokio::time::timeout(bound, former.lost()).await;
        assert_eq!(lost.unwrap().reason(), LossReason::Gone);
        drop(former);
        tokio::time::sleep(2 * TTL).await;
        assert!(adopted.is_held());
        assert_eq!(holding(&nodes), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn three_adopters_with_one_node_each_end_no_holder() {
    for holder_adopts in [false, true] {
        let (nodes, redlock) = cluster::<3>();
        let guard = hold(&redlock).await;
        let adopters = [0, 1, 2].map(|first| {
            slow_manager(&nodes, move |index| {
                move || if index == first { MS } else { 20 * MS }
            })
        });
        let [a, b, c] = &adopters;
        let id = guard.lease_id();
        let (a, b, c) = tokio::join!(a.adopt("a", id), b.adopt("a", id), c.adopt("a", id));
        for adopted in [a, b, c] {
            let refused = adopted.unwrap_err();
            assert!(matches!(refused, LockError::Busy { .. }), "{refused:?}");
        }
        tokio::time::sleep(SECOND).await;
        if holder_adopts {
            let adopted = redlock.adopt("a", id).await.unwrap();
            assert!(adopted.is_held());
            continue;
        }
        assert_untouched(&nodes, &guard, "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_adopter_that_reaches_a_minority_ends_no_holder() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    // Two of three commands of the adopter arrive after its time is over.
    let adopter = slow_manager(&nodes, |index| {
        move || if index == 0 { MS } else { 5 * SECOND }
    });
    let refused = adopter.adopt("a", guard.lease_id()).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    tokio::time::sleep(20 * SECOND).await;
    assert_untouched(&nodes, &guard, "").await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_lost_leaves_the_lease_to_its_holder() {
    let (nodes, redlock) = cluster::<3>();
    let guard = hold(&redlock).await;
    for node in &nodes[1..] {
        node.fault(Fault::LoseReplies);
    }
    let adopter = manager(&nodes);
    adopter.adopt("a", guard.lease_id()).await.unwrap_err();
    nodes.iter().for_each(|node| node.fault(None));
    tokio::time::sleep(SECOND).await;
    assert_untouched(&nodes, &guard, "").await;
}

/// How often each outcome of [`adopt_at_random`] was met.
#[derive(Default)]
struct Outcomes {
    adopted: u32,
    split: u32,
    released: u32,
}

/// Three adopters in an order that follows from the seed. Some are cancelled, and in some runs the
/// holder releases the lease meanwhile.
async fn adopt_at_random(seed: u64, outcomes: &mut Outcomes) {
    let rng = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
    let random = |most: u64| {
        let rng = Arc::clone(&rng);
        move || MS * u32::try_from(rng.lock().unwrap().random_range(0..=most)).unwrap()
    };
    let nodes: [MemoryNode; 3] = MemoryNode::cluster();
    let holder = slow_manager(&nodes, |_| random(3));
    let guard = hold(&holder).await;
    let id = guard.lease_id().clone();
    let adopters = [(); 3].map(|()| slow_manager(&nodes, |_| random(20)));
    let tasks = adopters.map(|adopter| {
        let (id, start, limit) = (id.clone(), random(10)(), random(400)());
        tokio::spawn(async move {
            tokio::time::sleep(start).await;
            let adopted = tokio::time::timeout(limit, adopter.adopt("a", &id)).await;
            (adopter, adopted)
        })
    });
    let releases = rng.lock().unwrap().random_range(0..4) == 0;
    let guard = if releases {
        tokio::time::sleep(random(60)()).await;
        drop(guard);
        None
    } else {
        Some(guard)
    };
    let (mut adopted, mut was_cancelled, mut managers) = (Vec::new(), false, Vec::new());
    for task in tasks {
        let (adopter, outcome) = task.await.unwrap();
        managers.push(adopter);
        match outcome {
            Ok(Ok(guard)) => adopted.push(guard),
            Ok(Err(_)) => {}
            Err(_) => was_cancelled = true,
        }
    }
    assert!(adopted.len() <= 1, "seed {seed}: {adopted:?}");
    tokio::time::sleep(5 * SECOND).await;
    outcomes.released += u32::from(releases);
    match (guard, adopted.pop()) {
        (guard, Some(adopted)) => {
            outcomes.adopted += 1;
            assert!(guard.is_none_or(|it| !it.is_held()), "seed {seed}");
            tokio::time::sleep(2 * TTL).await;
            assert!(adopted.is_held(), "seed {seed}");
            drop(adopted);
        }
        (Some(guard), None) => {
            outcomes.split += u32::from(!was_cancelled);
            assert_untouched(&nodes, &guard, &format!("seed {seed}")).await;
        }
        (None, None) => {}
    }
    tokio::time::sleep(2 * TTL).await;
    assert_eq!(holding(&nodes), 0, "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn adopters_in_any_order_leave_one_holder() {
    let mut outcomes = Outcomes::default();
    for seed in 0..300 {
        adopt_at_random(seed, &mut outcomes).await;
    }
    let Outcomes {
        adopted,
        split,
        released,
    } = outcomes;
    let text = format!("{adopted} {split} {released}");
    assert!(adopted > 0 && split > 0 && released > 0, "{text}");
}
