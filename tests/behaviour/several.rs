//! Several resources as one lock.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use redlock::node::Fault;
use redlock::{
    InvalidRequest, Lease, LockError, LossReason, MemoryNode, Redlock, ReleaseOutcome, Resource,
};

use crate::common::{MS, SECOND, TTL, cluster, holding, manager, settle};

/// Counts the keys on all nodes.
fn keys(nodes: &[MemoryNode]) -> usize {
    nodes.iter().map(MemoryNode::len).sum()
}

#[tokio::test(start_paused = true)]
async fn several_resources_are_locked_and_released_as_one() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock_all(["b", "a", "c"]).await.unwrap();
    assert_eq!(keys(&nodes), 9);
    assert_eq!(guard.resources(), ["a", "b", "c"]);
    assert_eq!(guard.resource(), &"a", "the first in byte order");
    for resource in ["a", "b", "c"] {
        let refused = redlock.try_lock(resource).await.unwrap_err();
        assert!(refused.is_busy(), "{resource}: {refused}");
    }
    tokio::time::sleep(5 * TTL).await;
    assert!(guard.is_held(), "extended as one");
    let released = guard.release().await.unwrap();
    assert!(released.was_held());
    assert_eq!(keys(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_resource_named_twice_is_locked_once() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock_all(["b", "a", "b", "a"]).await.unwrap();
    assert_eq!(guard.resources(), ["a", "b"]);
    assert_eq!(keys(&nodes), 6);
    drop(guard);
    let guard = redlock.lock_all(["a", "a"]).await.unwrap();
    assert_eq!(guard.resources(), ["a"]);
    assert!(guard.token().get() > 0);
    drop(guard);
    assert_eq!(keys(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn one_busy_resource_leaves_all_others_unlocked() {
    let (nodes, redlock) = cluster::<3>();
    let taken = redlock.lock("b").await.unwrap();
    let all = redlock.lock_all(["a", "b", "c"]).no_wait();
    let refused = all.await.unwrap_err();
    let LockError::Busy {
        resource, others, ..
    } = &refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!((resource, *others), (&Resource::from("a"), 2));
    assert_eq!(
        refused.to_string(),
        "a or one of 2 others is held by a guard of this process (on 3 of 3 nodes), for at most 29.7 s \
         more unless it is extended"
    );
    assert!(refused.retry_after().is_some_and(|left| left > SECOND));
    settle().await;
    assert_eq!(keys(&nodes), 3, "only the first lock is left");
    assert!(redlock.try_lock("a").await.is_ok());
    assert!(taken.is_held());
    drop(taken);
    assert!(redlock.lock_all(["a", "b", "c"]).no_wait().await.is_ok());
}

/// Each resource is held by another owner at one node. Each alone could be locked, but only the
/// third node grants both.
#[tokio::test(start_paused = true)]
async fn a_quorum_counts_only_nodes_that_grant_every_resource() {
    let nodes = MemoryNode::cluster::<3>();
    let redlock = manager(&nodes);
    let alone = |node: usize| manager(&nodes[node..=node]);
    let _a = alone(0).lock("a").await.unwrap();
    let _b = alone(1).lock("b").await.unwrap();
    assert!(redlock.try_lock("a").await.is_ok());
    assert!(redlock.try_lock("b").await.is_ok());
    let refused = redlock.lock_all(["a", "b"]).no_wait().await.unwrap_err();
    assert!(refused.is_busy(), "{refused:?}");
    settle().await;
    assert_eq!(keys(&nodes), 2, "the grant of the third node is released");
}

#[tokio::test(start_paused = true)]
async fn overlapping_sets_in_opposite_orders_do_not_deadlock() {
    let (nodes, redlock) = cluster::<5>();
    let free: Arc<[AtomicBool; 4]> = Arc::new(std::array::from_fn(|_| AtomicBool::new(true)));
    let tasks = (0..20_usize).map(|number| {
        let (redlock, free) = (redlock.clone(), Arc::clone(&free));
        let mut set = vec![number % 4, (number + 1) % 4, (number / 4) % 4];
        if number % 2 == 0 {
            set.reverse();
        }
        tokio::spawn(async move {
            let names = set.iter().map(|index| format!("resource:{index}"));
            let request = redlock.lock_all(names).wait(600 * SECOND);
            let guard = request.await.unwrap();
            set.sort_unstable();
            set.dedup();
            for index in &set {
                assert!(free[*index].swap(false, Ordering::SeqCst), "two at once");
            }
            tokio::time::sleep(50 * MS).await;
            for index in &set {
                free[*index].store(true, Ordering::SeqCst);
            }
            drop(guard);
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(keys(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shared_token_is_in_order_for_every_resource() {
    let nodes = MemoryNode::cluster::<3>();
    let mut largest = 0;
    for round in 0..10 {
        // Another process has locked each one alone, one of them more often than the others.
        let other = manager(&nodes);
        for resource in ["a", "b", "c"] {
            let times = if resource == "b" { 5 } else { 1 };
            for _ in 0..times {
                let guard = other.lock(resource).await.unwrap();
                largest = largest.max(guard.token().get());
            }
        }
        // A node that misses some locks makes the counters diverge.
        nodes[round % 3].fault(Fault::Crash);
        let guard = manager(&nodes).lock_all(["c", "a", "b"]).await.unwrap();
        let token = guard.token().get();
        drop(guard);
        assert!(token > largest, "round {round}");
        for resource in ["a", "b", "c"] {
            let guard = manager(&nodes).lock(resource).await.unwrap();
            assert!(guard.token().get() > token, "{resource} in round {round}");
            largest = largest.max(guard.token().get());
        }
        nodes[round % 3].fault(None);
    }
}

#[tokio::test(start_paused = true)]
async fn diverging_counters_are_raised_to_one_token() {
    let nodes = MemoryNode::cluster::<3>();
    // Only one node grants these locks. Each moves its counter by at least one, and paused time
    // puts all of them in one microsecond. So the counter runs ahead of the clock and of the others.
    let alone = manager(&nodes[2..]);
    let mut ahead = 0;
    for _ in 0..100 {
        ahead = alone.lock("b").await.unwrap().token().get();
    }
    let guard = manager(&nodes).lock_all(["a", "b"]).await.unwrap();
    assert!(guard.token().get() > ahead);
    let status = manager(&nodes).status("a").await;
    assert_eq!(status.token(), guard.try_token());
    assert_eq!(manager(&nodes).status("b").await.token(), guard.try_token());
}

#[tokio::test(start_paused = true)]
async fn losing_one_resource_at_a_quorum_loses_all() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock_all(["a", "b", "c"]).await.unwrap();
    // One of them is released by the lease id, elsewhere.
    let released = manager(&nodes).unlock("b", guard.lease_id()).await.unwrap();
    assert!(released.was_held());
    assert_eq!(keys(&nodes), 6);
    let lost = guard.lost().await;
    assert_eq!(lost.reason(), LossReason::Gone);
    assert_eq!(lost.resource(), &"a");
    assert_eq!(lost.resources(), ["a", "b", "c"]);
    assert!(
        lost.to_string()
            .starts_with("lost the lock on a and 2 others:"),
        "{lost}"
    );
    assert!(!guard.is_held());
    settle().await;
    assert_eq!(keys(&nodes), 0, "the others are released");
}

#[tokio::test(start_paused = true)]
async fn one_resource_lost_at_a_minority_is_put_back() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock_all(["a", "b"]).await.unwrap();
    let alone = manager(&nodes[..1]);
    let released = alone.unlock("b", guard.lease_id()).await.unwrap();
    assert!(released.was_held());
    assert_eq!(nodes[0].len(), 1);
    tokio::time::sleep(TTL / 2).await;
    assert!(guard.is_held());
    assert_eq!(nodes[0].len(), 2);
    let released = guard.release().await.unwrap();
    assert_eq!(released.nodes()[0].outcome(), &ReleaseOutcome::Deleted);
    assert_eq!(keys(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_for_several_dropped_after_any_poll_leaves_no_keys() {
    let mut finished = false;
    for polls in 1.. {
        let (nodes, redlock) = cluster::<3>();
        for (index, node) in (1..).zip(&nodes) {
            node.fault(Fault::Delay(10 * MS * index));
        }
        {
            let mut request = pin!(redlock.lock_all(["a", "b", "c"]));
            for _ in 0..polls {
                let mut cx = Context::from_waker(Waker::noop());
                if request.as_mut().poll(&mut cx).is_ready() {
                    finished = true;
                    break;
                }
                tokio::time::advance(5 * MS).await;
                settle().await;
            }
            // The request, or the guard it has become, is dropped here.
        }
        tokio::time::sleep(SECOND).await;
        assert_eq!(keys(&nodes), 0, "after {polls} polls");
        if finished {
            assert!(polls > 2, "there was nothing to interrupt");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_several_can_be_passed_on_as_text() {
    let (nodes, redlock) = cluster::<3>();
    let names = [&b"a,b"[..], b"c", b"\xff/"];
    let guard = redlock.lock_all(names).await.unwrap();
    let token = guard.token();
    let lease = guard.detach();
    assert_eq!(keys(&nodes), 9, "neither extended nor released");

    let other = manager(&nodes);
    let read: Lease = lease.to_string().parse().unwrap();
    assert_eq!(read, lease);
    assert_eq!(read.resources().len(), 3);
    let guard = other.adopt_lease(&read).await.unwrap();
    assert_eq!(guard.resources(), lease.resources());
    assert!(guard.token() > token, "the previous holder is fenced");
    tokio::time::sleep(5 * TTL).await;
    assert!(guard.is_held(), "extended by the adopting manager");

    let lease = guard.detach();
    assert!(other.unlock_lease(&lease).await.unwrap().was_held());
    assert_eq!(keys(&nodes), 0);
    assert!(!other.unlock_lease(&lease).await.unwrap().was_held());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_lacks_one_resource_cannot_be_adopted() {
    let (nodes, redlock) = cluster::<3>();
    let lease = redlock.lock_all(["a", "b"]).await.unwrap().detach();
    redlock.unlock("a", lease.lease_id()).await.unwrap();
    let refused = redlock.adopt_lease(&lease).await.unwrap_err();
    let LockError::Lost(lost) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(lost.resources(), ["a", "b"]);
    assert_eq!(holding(&nodes), 3, "the other resource is left alone");
}

#[tokio::test(start_paused = true)]
async fn invalid_sets_are_rejected_before_sending() {
    let (nodes, redlock) = cluster::<3>();
    let invalid = async |names: Vec<String>| match redlock.lock_all(names).await {
        Err(LockError::Invalid(refused)) => refused,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid(Vec::new()).await, InvalidRequest::NoResources);
    let name = |index| format!("resource:{index}");
    let max = Resource::MAX_TOGETHER;
    let many: Vec<_> = (0..=max).map(name).collect();
    let refused = invalid(many.clone()).await;
    let count = max + 1;
    assert_eq!(refused, InvalidRequest::TooManyResources { count, max });
    for wrong in ["", "a:fence"] {
        let names = vec!["a".to_owned(), wrong.to_owned()];
        assert!(matches!(
            invalid(names).await,
            InvalidRequest::EmptyResource | InvalidRequest::ReservedResource
        ));
    }
    assert_eq!(keys(&nodes), 0);

    // The largest possible set. A resource named twice counts once.
    let fits = many[..max].iter().chain(&many[..1]);
    let guard = redlock.lock_all(fits).await.unwrap();
    assert_eq!(guard.resources().len(), max);
    assert_eq!(keys(&nodes), 3 * max);
    drop(guard);
    assert_eq!(keys(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_prefix_applies_to_every_key() {
    let nodes = MemoryNode::cluster::<3>();
    let prefixed = Redlock::builder()
        .nodes(nodes.clone())
        .key_prefix("app:")
        .build()
        .unwrap();
    let guard = prefixed.lock_all(["b", "a"]).await.unwrap();
    assert_eq!(guard.resources(), ["a", "b"]);
    let plain = manager(&nodes);
    assert!(plain.try_lock("app:a").await.unwrap_err().is_busy());
    assert!(plain.try_lock("app:b").await.unwrap_err().is_busy());
    assert!(plain.try_lock("a").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn debug_output_names_every_resource() {
    let (_nodes, redlock) = cluster::<3>();
    let request = format!("{:?}", redlock.lock_all(["b", "a"]));
    assert!(
        request.contains(r#"[Resource("a"), Resource("b")]"#),
        "{request}"
    );
    let none = format!("{:?}", redlock.lock_all([""; 0]));
    assert!(none.contains("NoResources"), "{none}");
    let guard = redlock.lock_all(["b", "a"]).await.unwrap();
    let shown = format!("{guard:?}");
    assert!(
        shown.contains(r#"[Resource("a"), Resource("b")]"#),
        "{shown}"
    );
}
