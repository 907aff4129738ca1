//! The local queue, in which requests of one manager wait in order of arrival.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use redlock::node::Fault;
use redlock::{LockError, MemoryNode, Redlock};

use crate::common::{MS, NODE_TIMEOUT, SECOND, Stopwatch, cluster, holding, manager, settle};
use crate::recorder::{Note, Recorder};

/// Returns a recording node, a manager over it, and another manager over the same memory.
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
async fn requests_are_served_in_order_of_arrival() {
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
async fn waiters_behind_a_local_holder_send_nothing() {
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
async fn only_the_first_of_many_waiters_polls_the_nodes() {
    let (node, redlock, other) = recorded();
    let _guard = other.lock("a").await.unwrap();
    let alone = tokio::time::timeout(10 * SECOND, redlock.lock("a").wait(9 * SECOND));
    assert!(alone.await.unwrap().is_err());
    let polls_of_one = acquires(&node.take());

    let requests = (0..500).map(|_| tokio::spawn(redlock.lock("a").wait(9 * SECOND)));
    for request in requests.collect::<Vec<_>>() {
        assert!(request.await.unwrap().unwrap_err().is_busy());
    }
    // Delays are random, so the counts differ. Even a waiter without notifications polls rarely.
    let polls_of_many = acquires(&node.take());
    assert!(
        polls_of_many <= 3 * polls_of_one,
        "{polls_of_many} against {polls_of_one}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_delay_does_not_make_later_waiters_poll() {
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
    // Only the first waiter polls, now and then. Its long silence does not count as a stall.
    let polls = acquires(&node.take());
    assert!((1..=10).contains(&polls), "{polls}");
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn the_next_waiter_acquires_right_after_the_release() {
    let (node, redlock, _) = recorded();
    let guard = redlock.lock("a").await.unwrap();
    let waiter = tokio::spawn(redlock.lock("a"));
    settle().await;
    node.take();
    let watch = Stopwatch::start();
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
async fn a_cancelled_waiter_lets_the_next_one_in_at_once() {
    let (nodes, redlock) = cluster::<3>();
    let guard = manager(&nodes).lock("a").await.unwrap();
    let mut first = tokio::spawn(redlock.lock("a"));
    settle().await;
    let second = tokio::spawn(redlock.lock("a"));
    settle().await;
    drop(guard);
    let watch = Stopwatch::start();
    // The first waiter is cancelled at the moment at which it could acquire the lock.
    first.abort();
    assert!((&mut first).await.unwrap_err().is_cancelled());
    let _guard = second.await.unwrap().unwrap();
    assert!(watch.elapsed() <= 10 * MS, "{:?}", watch.elapsed());
    assert_eq!(holding(&nodes), 3);
}

#[tokio::test(start_paused = true)]
async fn try_lock_is_busy_behind_a_local_holder_or_waiter() {
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
            is_local: true,
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
    assert!(matches!(
        refused,
        LockError::Busy {
            is_local: false,
            remaining: Some(_),
            ..
        }
    ));
    assert_eq!(node.take(), [], "the queue knows without a round");
}

#[tokio::test(start_paused = true)]
async fn later_waiters_report_the_errors_of_the_first() {
    let (nodes, redlock) = cluster::<3>();
    nodes.iter().for_each(|node| node.fault(Fault::Crash));
    let first = tokio::spawn(redlock.lock("a").wait(20 * SECOND));
    settle().await;
    let watch = Stopwatch::start();
    let refused = redlock.lock("a").wait(SECOND).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    assert_eq!(refused.failures().len(), 3);
    assert!(watch.elapsed() <= SECOND + NODE_TIMEOUT);
    assert!(!first.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_lost_lock_does_not_block_the_queue() {
    let (nodes, redlock) = cluster::<3>();
    let lost = redlock.lock("a").auto_extend(false).await.unwrap();
    let waiter = tokio::spawn(redlock.lock("a").wait(60 * SECOND));
    let _reason = lost.lost().await;
    let guard = waiter.await.unwrap().unwrap();
    assert!(guard.is_held() && !lost.is_held());
    drop(lost);
    assert_eq!(
        holding(&nodes),
        3,
        "dropping the lost guard releases nothing"
    );
}

/// A `select!` whose other branch runs for long has this effect: the request lives, unpolled.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_polled_does_not_block_the_queue() {
    let (nodes, redlock) = cluster::<3>();
    let foreign = manager(&nodes).lock("a").await.unwrap();
    let mut idle = Box::pin(redlock.lock("a").wait(3600 * SECOND));
    let polled = idle.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    let waiter = tokio::spawn(redlock.lock("a").wait(60 * SECOND));
    settle().await;
    drop(foreign);
    let guard = waiter.await.unwrap().unwrap();

    // It continues when it is polled again.
    let polled = idle.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending() && guard.is_held());
    drop(guard);
    let _guard = idle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handoff_between_managers_needs_no_retry_delay() {
    let (nodes, redlock) = cluster::<5>();
    let guard = manager(&nodes).lock("a").await.unwrap();
    let waiter = tokio::spawn(redlock.lock("a"));
    tokio::time::sleep(3 * SECOND).await;
    let watch = Stopwatch::start();
    guard.release().await.unwrap();
    let _guard = waiter.await.unwrap().unwrap();
    // No other contender has been seen, so the waiter does not yield.
    assert_eq!(watch.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_acquires_once_a_quorum_of_nodes_is_free() {
    let (nodes, redlock) = cluster::<5>();
    // Separate holders, one per node, so that the nodes can be freed one by one.
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
    let watch = Stopwatch::start();
    drop(guards.pop());
    let guard = (&mut waiter).await.unwrap().unwrap();
    assert_eq!(watch.elapsed(), Duration::ZERO);
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn contending_managers_get_fair_shares() {
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
async fn a_request_for_several_resources_queues_for_each() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").await.unwrap();
    let both = tokio::spawn(redlock.lock_all(["a", "b"]));
    settle().await;
    // "b" is free, but an earlier request waits for it.
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
async fn overlapping_sets_are_all_served_without_pauses() {
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
    let watch = Stopwatch::start();
    for task in tasks {
        task.await.unwrap();
    }
    // Forty holds of 10 ms, one after the other and without a pause between them.
    assert!(watch.elapsed() <= 2 * SECOND, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_for_several_leaves_every_queue() {
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
