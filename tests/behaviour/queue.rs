//! Requests of one manager for one resource: in line, first come first served.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use redlock::node::Fault;
use redlock::{LockError, MemoryNode, Redlock};

use crate::common::{MS, NODE_TIMEOUT, SECOND, Watch, cluster, holding, manager, settle};
use crate::recorder::{Note, Recorder};

/// A manager over one node that keeps notes, and another over the same node.
fn recorded() -> (Recorder, Redlock, Redlock) {
    let memory = MemoryNode::new();
    let node = Recorder::new(&memory);
    let redlock = Redlock::builder().node(node.clone()).build().unwrap();
    (node, redlock, manager(&[memory]))
}

fn acquires(notes: &[Note]) -> usize {
    let is_acquire = |note: &&Note| matches!(note, Note::Acquire { .. });
    notes.iter().filter(is_acquire).count()
}

#[tokio::test(start_paused = true)]
async fn requests_are_served_in_the_order_in_which_they_came() {
    let redlock = Redlock::in_memory(3);
    let served = Arc::new(Mutex::new(Vec::new()));
    let guard = redlock.lock("a").await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..100 {
        let (request, served) = (redlock.lock("a").wait(3600 * SECOND), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let _guard = request.await.unwrap();
            served.lock().unwrap().push(number);
            tokio::time::sleep(MS).await;
        }));
        settle().await;
    }
    drop(guard);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(served.lock().unwrap().iter().copied().eq(0..100));
}

#[tokio::test(start_paused = true)]
async fn behind_a_holder_of_the_same_manager_nobody_asks_the_nodes() {
    let (node, redlock, _) = recorded();
    let guard = redlock.lock("a").auto_extend(false).await.unwrap();
    node.take();
    let waiters: Vec<_> = (0..500).map(|_| tokio::spawn(redlock.lock("a"))).collect();
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(node.take(), []);
    drop(guard);
    for waiter in waiters {
        drop(waiter.await.unwrap().unwrap());
    }
    assert_eq!(acquires(&node.take()), 500, "one attempt for each guard");
}

#[tokio::test(start_paused = true)]
async fn of_many_waiters_only_the_first_asks_the_nodes() {
    let (node, redlock, other) = recorded();
    let _guard = other.lock("a").await.unwrap();
    let alone = tokio::time::timeout(10 * SECOND, redlock.lock("a").wait(9 * SECOND));
    assert!(alone.await.unwrap().is_err());
    let asked_by_one = acquires(&node.take());

    let requests = (0..500).map(|_| tokio::spawn(redlock.lock("a").wait(9 * SECOND)));
    for request in requests.collect::<Vec<_>>() {
        assert!(request.await.unwrap().unwrap_err().is_busy());
    }
    // Delays are random, so the two need not be equal. Untold, one asks for nothing often.
    let asked_by_many = acquires(&node.take());
    assert!(
        asked_by_many <= 3 * asked_by_one,
        "{asked_by_many} against {asked_by_one}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_delay_makes_nobody_behind_impatient() {
    let memory = MemoryNode::new();
    let node = Recorder::new(&memory);
    let redlock = Redlock::builder().node(node.clone());
    let redlock = redlock.retry_delay(60 * SECOND).rng_seed(7);
    let redlock = redlock.build().unwrap();
    let guard = manager(&[memory]).lock("a").ttl(60 * SECOND);
    let _guard = guard.auto_extend(false).await.unwrap();
    let waiters: Vec<_> = (0..50)
        .map(|_| tokio::spawn(redlock.lock("a").wait(100 * SECOND)))
        .collect();
    tokio::time::sleep(55 * SECOND).await;
    // The first asks now and then, and nobody else does, though it is silent for long.
    let asked = acquires(&node.take());
    assert!((1..=10).contains(&asked), "{asked}");
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn the_next_in_line_asks_right_behind_the_release() {
    let (node, redlock, _) = recorded();
    let guard = redlock.lock("a").await.unwrap();
    let waiter = tokio::spawn(redlock.lock("a"));
    settle().await;
    node.take();
    let watch = Watch::start();
    drop(guard);
    let next = waiter.await.unwrap().unwrap();
    assert_eq!(watch.elapsed(), Duration::ZERO);
    let notes = node.take();
    assert!(
        matches!(notes.as_slice(), [Note::Release { .. }, Note::Acquire { id, .. }]
            if *id == next.lease_id().to_string()),
        "{notes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_line_lets_the_next_in_at_once() {
    let (nodes, redlock) = cluster::<3>();
    let guard = manager(&nodes).lock("a").await.unwrap();
    let mut first = tokio::spawn(redlock.lock("a"));
    settle().await;
    let second = tokio::spawn(redlock.lock("a"));
    settle().await;
    drop(guard);
    let watch = Watch::start();
    // The first is cancelled at the very moment at which it might have had it.
    first.abort();
    assert!((&mut first).await.unwrap_err().is_cancelled());
    let _guard = second.await.unwrap().unwrap();
    assert!(watch.elapsed() <= 10 * MS, "{:?}", watch.elapsed());
    assert_eq!(holding(&nodes), 3);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_is_busy_behind_a_holder_and_behind_a_waiter() {
    let (node, redlock, other) = recorded();
    let guard = redlock.lock("a").await.unwrap();
    node.take();
    let refused = redlock.try_lock("a").await.unwrap_err();
    let left = refused.retry_after().unwrap();
    assert!(left <= guard.remaining() && left > 25 * SECOND, "{left:?}");
    assert!(matches!(
        refused,
        LockError::Busy {
            busy: 1,
            nodes: 1,
            ..
        }
    ));
    drop(guard);

    let _foreign = other.lock("a").await.unwrap();
    let mut waiter = pin!(redlock.lock("a"));
    let polled = waiter
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    node.take();
    let refused = redlock.try_lock("a").await.unwrap_err();
    assert!(refused.is_busy() && refused.retry_after().is_some());
    assert_eq!(node.take(), [], "known without asking");
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_learns_why_the_first_does_not_get_it() {
    let (nodes, redlock) = cluster::<3>();
    nodes.iter().for_each(|node| node.fault(Fault::Crash));
    let first = tokio::spawn(redlock.lock("a").wait(20 * SECOND));
    settle().await;
    let watch = Watch::start();
    let refused = redlock.lock("a").wait(SECOND).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    assert_eq!(refused.failures().len(), 3);
    assert!(watch.elapsed() <= SECOND + NODE_TIMEOUT);
    assert!(!first.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_lost_is_no_longer_in_the_way() {
    let (nodes, redlock) = cluster::<3>();
    let lost = redlock.lock("a").auto_extend(false).await.unwrap();
    let waiter = tokio::spawn(redlock.lock("a").wait(60 * SECOND));
    let _reason = lost.lost().await;
    let guard = waiter.await.unwrap().unwrap();
    assert!(guard.is_held() && !lost.is_held());
    drop(lost);
    assert_eq!(holding(&nodes), 3, "the late guard takes nothing away");
}

/// As in a `select!` whose other branch goes on for long: the request lives, and nobody polls it.
#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_polls_does_not_keep_others_from_the_lock() {
    let (nodes, redlock) = cluster::<3>();
    let foreign = manager(&nodes).lock("a").await.unwrap();
    let mut idle = Box::pin(redlock.lock("a").wait(3600 * SECOND));
    let polled = idle.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    let waiter = tokio::spawn(redlock.lock("a").wait(60 * SECOND));
    settle().await;
    drop(foreign);
    let guard = waiter.await.unwrap().unwrap();

    // It may go on when somebody polls it again.
    let polled = idle.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending() && guard.is_held());
    drop(guard);
    let _guard = idle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_between_managers_does_not_wait_for_a_delay() {
    let (nodes, redlock) = cluster::<5>();
    let guard = manager(&nodes).lock("a").await.unwrap();
    let waiter = tokio::spawn(redlock.lock("a"));
    tokio::time::sleep(3 * SECOND).await;
    let watch = Watch::start();
    guard.release().await.unwrap();
    let _guard = waiter.await.unwrap().unwrap();
    // The first hand-over that is seen: nobody else is known to be after it.
    assert_eq!(watch.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_quorum_of_nodes_that_are_let_go_of_is_enough_and_less_is_not() {
    let (nodes, redlock) = cluster::<5>();
    // As a holder of another kind would have it: on each node for itself.
    let parts: Vec<Redlock> = nodes
        .iter()
        .map(|node| manager(std::slice::from_ref(node)))
        .collect();
    let mut guards = Vec::new();
    for part in &parts {
        guards.push(part.lock("a").await.unwrap());
    }
    let mut waiter = tokio::spawn(redlock.lock("a"));
    settle().await;
    for _ in 0..2 {
        drop(guards.pop());
        settle().await;
        assert!(!waiter.is_finished());
    }
    let watch = Watch::start();
    drop(guards.pop());
    let guard = (&mut waiter).await.unwrap().unwrap();
    assert_eq!(watch.elapsed(), Duration::ZERO);
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_managers_takes_turns() {
    let (nodes, _) = cluster::<5>();
    let turns = Arc::new(Mutex::new(vec![0_u32; 6]));
    let until = tokio::time::Instant::now() + 20 * SECOND;
    let managers = (0..6).map(|number| {
        let (redlock, turns) = (manager(&nodes), Arc::clone(&turns));
        tokio::spawn(async move {
            while tokio::time::Instant::now() < until {
                let guard = redlock.lock("a").wait(60 * SECOND).await.unwrap();
                turns.lock().unwrap()[number] += 1;
                tokio::time::sleep(5 * MS).await;
                assert!(guard.is_held());
            }
        })
    });
    for manager in managers.collect::<Vec<_>>() {
        manager.await.unwrap();
    }
    let turns = turns.lock().unwrap();
    let fair = turns.iter().sum::<u32>() / 6;
    println!("turns: {turns:?}");
    assert!(turns.iter().all(|turns| *turns >= fair / 2), "{turns:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_for_several_resources_stand_in_all_lines_at_once() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").await.unwrap();
    let both = tokio::spawn(redlock.lock_all(["a", "b"]));
    settle().await;
    // Free, but somebody who came before wants it.
    assert!(redlock.try_lock("b").await.unwrap_err().is_busy());
    let after = tokio::spawn(redlock.lock("b"));
    settle().await;
    assert!(!both.is_finished() && !after.is_finished());
    drop(guard);
    let both = both.await.unwrap().unwrap();
    settle().await;
    assert!(!after.is_finished());
    drop(both);
    let _after = after.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn overlapping_sets_are_served_in_order_and_none_waits_for_ever() {
    let redlock = Redlock::in_memory(3);
    let sets = [["a", "b"], ["b", "c"], ["c", "a"], ["b", "a"]];
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let request = redlock
                .lock_all(sets[number % sets.len()])
                .wait(60 * SECOND);
            tokio::spawn(async move {
                let guard = request.await.unwrap();
                tokio::time::sleep(10 * MS).await;
                assert!(guard.is_held());
            })
        })
        .collect();
    let watch = Watch::start();
    for task in tasks {
        task.await.unwrap();
    }
    // One after the other, and without a pause between them.
    assert!(watch.elapsed() <= 2 * SECOND, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_request_for_several_resources_that_is_dropped_leaves_all_lines() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").await.unwrap();
    let both = tokio::spawn(redlock.lock_all(["a", "b"]));
    settle().await;
    let after = tokio::spawn(redlock.lock("b"));
    settle().await;
    both.abort();
    assert!(both.await.unwrap_err().is_cancelled());
    let _after = after.await.unwrap().unwrap();
    drop(guard);
    let _again = redlock.try_lock("a").await.unwrap();
}
