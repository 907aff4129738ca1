//! Requests with a `retry_count`: what counts, and how long they take.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock::node::Command;
use redlock::{IntoNode, LockGuard, MemoryNode, Redlock};

use crate::common::{MS, SECOND, Stopwatch, manager};
use crate::hooked::Hooked;

const DELAY: Duration = Duration::from_millis(200);

/// Returns a node in memory that hints every waiter 30 ms after it was refused, though the lock is held.
/// It counts acquires.
fn hinting(node: &MemoryNode, acquires: &Arc<AtomicUsize>) -> Hooked {
    let acquires = Arc::clone(acquires);
    Hooked::new(node, move |command| {
        if let Command::Acquire(acquire) = &command {
            acquires.fetch_add(1, Ordering::Relaxed);
            if let Some(waiter) = acquire.contender() {
                tokio::spawn(async move {
                    tokio::time::sleep(30 * MS).await;
                    waiter.watch.hint();
                });
            }
        }
        command
    })
}

fn counted<N: IntoNode + Clone>(nodes: &[N], rounds: u32) -> Redlock {
    let builder = Redlock::builder().nodes(nodes.iter().cloned());
    let builder = builder.retry_count(rounds).retry_delay(DELAY);
    builder.build().unwrap()
}

/// Whether a time is that of so many pauses, each of at least half of the delay and at most all of it.
fn has_paused(pauses: u32, elapsed: Duration) -> bool {
    // Timers are due at whole milliseconds.
    let range: RangeInclusive<_> = DELAY * pauses / 2..=(DELAY + MS) * pauses;
    range.contains(&elapsed)
}

#[tokio::test(start_paused = true)]
async fn hints_do_not_use_up_attempts() {
    let memory = MemoryNode::new();
    let _held = manager(std::slice::from_ref(&memory))
        .lock("a")
        .await
        .unwrap();
    let acquires = Arc::<AtomicUsize>::default();
    let redlock = counted(&[hinting(&memory, &acquires)], 4);
    for _ in 0..10 {
        acquires.store(0, Ordering::Relaxed);
        let watch = Stopwatch::start();
        assert!(redlock.lock("a").await.unwrap_err().is_busy());
        assert!(has_paused(3, watch.elapsed()), "{:?}", watch.elapsed());
        // Each of the four rounds that count begins a series of rounds, 30 ms apart.
        let rounds = acquires.load(Ordering::Relaxed);
        assert!((10..=84).contains(&rounds), "{rounds}");
    }
}

async fn extend_again_and_again(guard: &LockGuard) {
    loop {
        tokio::time::sleep(30 * MS).await;
        guard.extend(30 * SECOND).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_extends_does_not_use_up_attempts() {
    let nodes = MemoryNode::cluster::<3>();
    let redlock = counted(&nodes, 3);
    let holder = manager(&nodes).lock("a").await.unwrap();
    for _ in 0..10 {
        let watch = Stopwatch::start();
        tokio::select! {
            refused = redlock.lock("a") => assert!(refused.unwrap_err().is_busy()),
            () = extend_again_and_again(&holder) => {}
        }
        assert!(has_paused(2, watch.elapsed()), "{:?}", watch.elapsed());
    }
}

/// Three tasks of another process hand the lock to each other. Each release hints the next.
#[tokio::test(start_paused = true)]
async fn a_lock_that_changes_hands_does_not_use_up_attempts() {
    let nodes = MemoryNode::cluster::<3>();
    let others = manager(&nodes);
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let others = others.clone();
            tokio::spawn(async move {
                loop {
                    let guard = others.lock("a").await.unwrap();
                    tokio::time::sleep(20 * MS).await;
                    drop(guard);
                }
            })
        })
        .collect();
    tokio::time::sleep(SECOND).await;
    let redlock = counted(&nodes, 4);
    for _ in 0..10 {
        let guard = redlock.lock("a").await.unwrap();
        drop(guard);
    }
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_take_a_thousand_years_leave_time_to_wait() {
    let builder = Redlock::builder().node(MemoryNode::new());
    let builder = builder.retry_count(u32::MAX).retry_delay(100 * SECOND);
    let redlock = builder.wait(Duration::MAX).build().unwrap();
    let held = redlock.lock("a").await.unwrap();
    // Of this process, so it waits in the local queue.
    let second = tokio::spawn(redlock.lock("a").into_future());
    tokio::time::sleep(SECOND).await;
    assert!(!second.is_finished());
    held.release().await.unwrap();
    drop(second.await.unwrap().unwrap());
}
