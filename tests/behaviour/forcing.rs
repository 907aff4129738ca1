//! Resources that are released by force, whatever holds them.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use redlock::node::{Acquire, Command, Fault, Keys, Node, Responder, SessionOptions};
use redlock::{Broken, LeaseId, LockState, LossReason, MemoryNode, ReleaseOutcome, UnlockError};
use tokio::runtime::Handle;

use crate::common::{MS, NODE_TIMEOUT, SECOND, Stopwatch, TTL, cluster, holding, manager, settle};

fn outcomes(broken: &Broken) -> Vec<&ReleaseOutcome> {
    broken.nodes().iter().map(|it| it.outcome()).collect()
}

/// Sets the key `a` to `id` at a node, as another process does.
async fn occupy(node: &MemoryNode, id: &LeaseId) {
    let session = node.open(SessionOptions::new(Handle::current()));
    let keys = Keys::from(Arc::<[u8]>::from(&b"a"[..]));
    let acquire = Acquire::new(keys, id.clone(), TTL, Responder::ignored());
    session.submit(Command::Acquire(acquire));
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn the_lock_of_another_manager_is_released_and_reported() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").ttl(10 * SECOND).await.unwrap();
    let other = manager(&nodes);
    let broken = other.force_release("a").await.unwrap();
    assert!(broken.was_held());
    assert_eq!(*broken.resource(), "a");
    assert_eq!(broken.lease_ids(), [guard.lease_id().clone()]);
    assert_eq!(broken.remaining(), Some(10 * SECOND));
    assert_eq!(broken.token(), Some(guard.token()));
    assert_eq!(broken.before().state(), LockState::Held);
    assert_eq!(outcomes(&broken), [&ReleaseOutcome::Deleted; 3]);
    assert_eq!(holding(&nodes), 0);

    let next = other.try_lock("a").await.unwrap();
    assert!(next.token() > guard.token(), "the counter survives");
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);
    settle().await;
    assert!(next.is_held());
    assert_eq!(holding(&nodes), 3, "the loss leaves the next holder alone");
}

#[tokio::test(start_paused = true)]
async fn a_guard_of_the_same_manager_is_lost_at_once() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock_all(["a", "b"]).hold_at_least(SECOND);
    let guard = guard.await.unwrap();
    let broken = redlock.force_release("b").await.unwrap();
    assert!(broken.was_held());
    assert!(!guard.is_held());
    assert_eq!(guard.lost().await.reason(), LossReason::ForceReleased);
    assert_eq!(holding(&nodes), 0, "with all its resources");
}

/// A holder that was extended once is registered with the nodes.
#[tokio::test(start_paused = true)]
async fn a_holder_elsewhere_notices_within_a_node_timeout() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(TTL / 2).await;
    let watch = Stopwatch::start();
    manager(&nodes).force_release("a").await.unwrap();
    guard.lost().await;
    assert!(watch.elapsed() < NODE_TIMEOUT, "{:?}", watch.elapsed());
    tokio::time::sleep(TTL).await;
    assert_eq!(holding(&nodes), 0, "nothing is put back");
}

#[tokio::test(start_paused = true)]
async fn a_free_resource_stays_free() {
    let (nodes, redlock) = cluster::<3>();
    let broken = redlock.force_release("a").await.unwrap();
    assert!(!broken.was_held());
    assert!(broken.lease_ids().is_empty() && broken.remaining().is_none());
    assert_eq!(broken.before().state(), LockState::Free);
    assert_eq!(outcomes(&broken), [&ReleaseOutcome::Absent; 3]);
    assert_eq!(holding(&nodes), 0);
    // Of a manager that has not identified the nodes yet.
    let broken = manager(&nodes).force_release("a").await.unwrap();
    assert_eq!(broken.before().state(), LockState::Free);
}

#[tokio::test(start_paused = true)]
async fn one_dead_or_hung_node_does_not_stop_it() {
    for fault in [Fault::Crash, Fault::Hang] {
        let (nodes, redlock) = cluster::<3>();
        let guard = redlock.lock("a").auto_extend(false).await.unwrap();
        nodes[0].fault(fault);
        let other = manager(&nodes);
        let broken = other.force_release("a").await.unwrap();
        assert!(broken.was_held());
        assert_eq!(outcomes(&broken)[1..], [&ReleaseOutcome::Deleted; 2]);
        assert!(
            !matches!(outcomes(&broken)[0], ReleaseOutcome::Deleted),
            "{broken:?}"
        );
        let _next = other.try_lock("a").await.unwrap();
        nodes[0].fault(None);
        tokio::time::sleep(SECOND).await;
        let status = other.status("a").await;
        assert!(status.is_held() && status.lease_id() != Some(guard.lease_id()));
        let is_left = |it: &redlock::NodeStatus| {
            let record = it.record.as_ref().unwrap().as_ref();
            record.is_some_and(|record| record.id.as_ref() == Some(guard.lease_id()))
        };
        assert!(!status.nodes().iter().any(is_left), "its release was kept");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_of_responses_it_is_an_error() {
    let (nodes, redlock) = cluster::<3>();
    let _guard = redlock.lock("a").auto_extend(false).await.unwrap();
    nodes[..2].iter().for_each(|node| node.fault(Fault::Hang));
    for resource in ["a", "b"] {
        let failed = manager(&nodes).force_release(resource).await.unwrap_err();
        let UnlockError::NoQuorum { report } = failed else {
            panic!("{failed:?}")
        };
        assert_eq!(report.was_held(), resource == "a");
        let outcomes: Vec<_> = report.nodes().iter().map(|it| it.outcome()).collect();
        let failed = |it: &&ReleaseOutcome| {
            matches!(it, ReleaseOutcome::Failed(_) | ReleaseOutcome::Pending)
        };
        assert!(outcomes[..2].iter().all(failed), "{outcomes:?}");
        assert!(!failed(&outcomes[2]), "{outcomes:?}");
    }
    nodes.iter().for_each(|node| node.fault(None));
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&nodes), 0, "the releases were kept");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gets_the_lock_at_once() {
    let (nodes, redlock) = cluster::<3>();
    let _stuck = redlock.lock("a").auto_extend(false).await.unwrap();
    let other = manager(&nodes);
    let waiting = tokio::spawn(other.lock("a").wait(TTL / 2));
    tokio::time::sleep(SECOND).await;
    let watch = Stopwatch::start();
    manager(&nodes).force_release("a").await.unwrap();
    let guard = waiting.await.unwrap().unwrap();
    assert!(watch.elapsed() < NODE_TIMEOUT, "{:?}", watch.elapsed());
    tokio::time::sleep(SECOND).await;
    assert!(guard.is_held());
}

/// Contenders acquire while the lock is broken again and again. The nodes respond after different
/// times, so rounds are seen while they are in progress.
#[tokio::test(start_paused = true)]
async fn an_acquisition_in_progress_never_loses_its_lock() {
    for offset in 0..40 {
        let (nodes, redlock) = cluster::<5>();
        redlock.lock("warm").await.unwrap().release().await.unwrap();
        for (delay, node) in [1, 7, 12, 20, 31].into_iter().zip(&nodes) {
            node.fault(Fault::Delay(delay * MS));
        }
        let other = manager(&nodes);
        other.lock("warm").await.unwrap().release().await.unwrap();
        let acquiring = tokio::spawn(redlock.lock("a").auto_extend(false).into_future());
        settle().await;
        // These delays are those of the acquires only.
        for node in &nodes {
            node.fault(Fault::Delay(Duration::ZERO));
        }
        tokio::time::sleep(offset * MS).await;
        let broken = other.force_release("a").await.unwrap();
        let guard = acquiring.await.unwrap().unwrap();
        tokio::time::sleep(SECOND).await;
        if broken.before().state() != LockState::Held {
            assert!(!broken.was_held(), "after {offset} ms: {broken:?}");
            let status = other.status("a").await;
            assert_eq!(status.lease_id(), Some(guard.lease_id()));
        }
    }
}

/// The keys that a dead client has left at two nodes and those of a round in progress look alike.
#[tokio::test(start_paused = true)]
async fn an_acquisition_beside_leftovers_never_loses_its_lock() {
    let mut was_taken = false;
    for offset in 0..40 {
        let (nodes, redlock) = cluster::<5>();
        let other = manager(&nodes);
        for manager in [&redlock, &other] {
            manager.lock("warm").await.unwrap().release().await.unwrap();
        }
        for node in &nodes[..2] {
            occupy(node, &LeaseId::from("leftover")).await;
        }
        for (delay, node) in [1, 7, 12, 20, 31].into_iter().zip(&nodes) {
            node.fault(Fault::Delay(delay * MS));
        }
        let acquiring = tokio::spawn(redlock.try_lock("a").auto_extend(false).into_future());
        settle().await;
        // These delays are those of the acquires only.
        for node in &nodes {
            node.fault(Fault::Delay(Duration::ZERO));
        }
        tokio::time::sleep(offset * MS).await;
        let breaking = tokio::spawn(async move { other.force_release("a").await });
        let guard = acquiring.await.unwrap().unwrap();
        let broken = breaking.await.unwrap().unwrap();
        let id = guard.lease_id();
        match broken.before().state() {
            // It held the lock by then.
            LockState::Held => assert_eq!(broken.lease_ids(), std::slice::from_ref(id)),
            _ => assert!(!broken.lease_ids().contains(id), "{offset}: {broken:?}"),
        }
        was_taken |= broken.lease_ids().contains(&LeaseId::from("leftover"));
    }
    assert!(!was_taken, "the acquisition has always won");
}

/// What a dead client has left, so that no acquisition is possible, is released.
#[tokio::test(start_paused = true)]
async fn leftovers_that_split_the_nodes_are_released() {
    let (nodes, redlock) = cluster::<5>();
    let ids = [LeaseId::from("one"), LeaseId::from("two")];
    for (node, id) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
        occupy(&nodes[node], &ids[id]).await;
    }
    assert_eq!(redlock.status("a").await.state(), LockState::Taken);
    let broken = redlock.force_release("a").await.unwrap();
    assert_eq!(broken.lease_ids(), ids);
    assert_eq!(outcomes(&broken)[..4], [&ReleaseOutcome::Deleted; 4]);
    assert_eq!(*outcomes(&broken)[4], ReleaseOutcome::Absent);
    assert_eq!(holding(&nodes), 0);
}

/// The command that puts a key back arrives between the release there and the last one.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_put_back_meanwhile_is_deleted_too() {
    let (nodes, redlock) = cluster::<3>();
    redlock.lock("warm").await.unwrap().release().await.unwrap();
    let id = LeaseId::from("0123456789abcdef0123456789abcdef01234567");
    for node in &nodes {
        occupy(node, &id).await;
    }
    nodes[2].fault(Fault::Delay(100 * MS));
    let breaking = tokio::spawn(async move { redlock.force_release("a").await });
    tokio::time::sleep(150 * MS).await;
    assert!(nodes[0].is_empty() && !nodes[2].is_empty());
    occupy(&nodes[0], &id).await;
    let broken = breaking.await.unwrap().unwrap();
    assert_eq!(outcomes(&broken), [&ReleaseOutcome::Deleted; 3]);
    assert_eq!(holding(&nodes), 0);
}

/// Other libraries may give the same value to one lock after another.
#[tokio::test(start_paused = true)]
async fn a_value_that_is_used_again_is_not_deleted_later() {
    let (nodes, redlock) = cluster::<3>();
    redlock.lock("warm").await.unwrap().release().await.unwrap();
    for node in &nodes {
        occupy(node, &LeaseId::from("1")).await;
    }
    nodes[2].fault(Fault::Hang);
    let broken = redlock.force_release("a").await.unwrap();
    assert_eq!(outcomes(&broken)[..2], [&ReleaseOutcome::Deleted; 2]);
    tokio::time::sleep(TTL).await;
    nodes[2].fault(None);
    for node in &nodes {
        occupy(node, &LeaseId::from("1")).await;
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&nodes), 3);
}

/// The holder has found its keys gone from one node just before they are deleted from all.
#[tokio::test(start_paused = true)]
async fn a_holder_that_puts_back_keys_meanwhile_is_lost() {
    for offset in 0..60 {
        let (nodes, redlock) = cluster::<5>();
        let guard = redlock.lock("a").ttl(9 * SECOND).await.unwrap();
        let other = manager(&nodes);
        other.lock("warm").await.unwrap().release().await.unwrap();
        // Two nodes have lost their keys, and the next extensions put them back.
        nodes[..2].iter().for_each(|node| node.wipe());
        for (delay, node) in [3, 9, 14, 22, 35].into_iter().zip(&nodes) {
            node.fault(Fault::Delay(delay * MS));
        }
        tokio::time::sleep(2 * SECOND + offset * 40 * MS).await;
        other.force_release("a").await.unwrap();
        let lost = tokio::time::timeout(9 * SECOND, guard.lost()).await;
        assert!(lost.is_ok(), "after offset {offset}");
        tokio::time::sleep(SECOND).await;
        let left = other.status("a").await;
        assert_eq!(left.state(), LockState::Free, "after offset {offset}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_after_any_poll_it_leaves_a_lock_or_none() {
    for polls in 1.. {
        let (nodes, redlock) = cluster::<3>();
        let guard = redlock.lock("a").auto_extend(false).await.unwrap();
        let other = manager(&nodes);
        other.lock("warm").await.unwrap().release().await.unwrap();
        for (index, node) in (1..).zip(&nodes) {
            node.fault(Fault::Delay(10 * MS * index));
        }
        let mut is_finished = false;
        {
            let mut breaking = pin!(other.force_release("a"));
            for _ in 0..polls {
                let mut context = Context::from_waker(Waker::noop());
                is_finished = breaking.as_mut().poll(&mut context).is_ready();
                if is_finished {
                    break;
                }
                tokio::time::advance(5 * MS).await;
                settle().await;
            }
        }
        tokio::time::sleep(SECOND).await;
        let held = holding(&nodes);
        assert!(held == 0 || held == 3, "{held} after {polls} polls");
        assert_eq!(other.status("a").await.is_held(), held == 3);
        let next = other.try_lock("a").await;
        assert_eq!(next.is_ok(), held == 0);
        if let Ok(next) = next {
            assert!(next.token() > guard.token());
        }
        if is_finished {
            assert!(polls > 8, "there was nothing to interrupt");
            assert_eq!(held, 0);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_resources_and_closed_managers_are_refused() {
    let (_nodes, redlock) = cluster::<3>();
    let invalid = redlock.force_release("{a}:fence").await.unwrap_err();
    assert!(matches!(invalid, UnlockError::Invalid(_)), "{invalid:?}");
    redlock.shutdown().await;
    let closed = redlock.force_release("a").await.unwrap_err();
    assert!(matches!(closed, UnlockError::Closed), "{closed:?}");
}
