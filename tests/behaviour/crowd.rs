//! Many requests that wait in one queue, and what they cost.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use redlock::{LockError, LockGuard, LockRequest, Redlock};
use tokio::task::JoinHandle;

use crate::common::{SECOND, Stopwatch, cluster, manager, settle};

/// A request whose polls are counted.
struct Counted {
    request: LockRequest,
    polls: Arc<AtomicUsize>,
}

impl Future for Counted {
    type Output = Result<LockGuard, LockError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.request).poll(cx)
    }
}

type Waiter = JoinHandle<Result<LockGuard, LockError>>;

const COUNT: usize = 1000;

/// Spawns requests for "a", and returns the counter of their polls.
async fn crowd(redlock: &Redlock, wait: Duration) -> (Vec<Waiter>, Arc<AtomicUsize>) {
    let polls = Arc::<AtomicUsize>::default();
    let waiters = (0..COUNT).map(|_| {
        tokio::spawn(Counted {
            request: redlock.lock("a").wait(wait),
            polls: Arc::clone(&polls),
        })
    });
    let waiters = waiters.collect();
    settle().await;
    (waiters, polls)
}

#[tokio::test(start_paused = true)]
async fn waiters_behind_a_holder_are_not_polled() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").await.unwrap();
    let (waiters, polls) = crowd(&redlock, 3600 * SECOND).await;
    polls.store(0, Ordering::Relaxed);
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(polls.load(Ordering::Relaxed), 0);
    drop(guard);
    for waiter in waiters {
        drop(waiter.await.unwrap().unwrap());
    }
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls <= 10 * COUNT, "{polls} polls for {COUNT} handoffs");
}

#[tokio::test(start_paused = true)]
async fn waiters_behind_one_that_contends_are_not_polled() {
    let (nodes, redlock) = cluster::<3>();
    let _foreign = manager(&nodes).lock("a").await.unwrap();
    let (waiters, polls) = crowd(&redlock, 3600 * SECOND).await;
    polls.store(0, Ordering::Relaxed);
    tokio::time::sleep(600 * SECOND).await;
    // The first one counts its time and looks at the nodes.
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls <= 10 * 600, "{polls}");
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn the_time_of_each_waiter_ends_in_time() {
    let redlock = Redlock::in_memory(3);
    let _guard = redlock.lock("a").await.unwrap();
    let watch = Stopwatch::start();
    let (early, _) = crowd(&redlock, 7 * SECOND).await;
    let (late, polls) = crowd(&redlock, 70 * SECOND).await;
    polls.store(0, Ordering::Relaxed);
    for waiter in early {
        assert!(waiter.await.unwrap().unwrap_err().is_busy());
    }
    let elapsed = watch.elapsed();
    assert!(elapsed >= 7 * SECOND && elapsed < 8 * SECOND, "{elapsed:?}");
    assert_eq!(polls.load(Ordering::Relaxed), 0, "the others sleep");
    for waiter in late {
        assert!(waiter.await.unwrap().unwrap_err().is_busy());
    }
    let elapsed = watch.elapsed();
    assert!(
        elapsed >= 70 * SECOND && elapsed < 71 * SECOND,
        "{elapsed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_all_waiters() {
    let redlock = Redlock::in_memory(3);
    let _guard = redlock.lock("a").await.unwrap();
    let (waiters, _) = crowd(&redlock, Duration::MAX).await;
    redlock.shutdown().await;
    for waiter in waiters {
        assert!(matches!(waiter.await.unwrap(), Err(LockError::Closed)));
    }
}

/// In the order in which they came, in the opposite one, and in neither.
#[tokio::test(start_paused = true)]
async fn cancelled_waiters_leave_no_gap() {
    let orders: [fn(usize) -> usize; 3] = [
        |index| index,
        |index| COUNT - 1 - index,
        |index| index * 7 % COUNT,
    ];
    for order in orders {
        let redlock = Redlock::in_memory(3);
        let guard = redlock.lock("a").await.unwrap();
        let (waiters, polls) = crowd(&redlock, 3600 * SECOND).await;
        let last = tokio::spawn(redlock.lock("a"));
        settle().await;
        polls.store(0, Ordering::Relaxed);
        for index in 0..COUNT {
            waiters[order(index)].abort();
        }
        settle().await;
        assert_eq!(polls.load(Ordering::Relaxed), 0, "no waiter was woken");
        assert!(waiters.iter().all(|waiter| waiter.is_finished()));
        drop(guard);
        drop(last.await.unwrap().unwrap());
        drop(redlock.try_lock("a").await.unwrap());
    }
}
