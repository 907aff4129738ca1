//! Tests of waits with deadlines, on paused time where no second runtime takes part.

use std::future::pending;
use std::task::{Context, Wake};
use std::time::Duration;

use tokio::runtime::Builder;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn after(delay: Duration) -> Moment {
    Moment::now().checked_add(delay).unwrap()
}

fn live(deadlines: &Deadlines) -> usize {
    let slots = deadlines.slots.lock();
    slots.slots.len() - slots.free.len()
}

#[tokio::test(start_paused = true)]
async fn each_wait_ends_at_its_own_deadline_and_never_before() {
    let deadlines = Deadlines::start(&Handle::current());
    let mut waits = Vec::new();
    // In an order in which some are earlier than those before, and some are not.
    for millis in [500, 20, 70, 20, 1500, 7, 300] {
        let (deadlines, start) = (Arc::clone(&deadlines), Moment::now());
        waits.push(tokio::spawn(async move {
            let end = start.checked_add(MS * millis).unwrap();
            let output = deadlines.until(end, pending::<()>()).await;
            (output, Moment::now().saturating_since(start), MS * millis)
        }));
    }
    for wait in waits {
        let (output, waited, timeout) = wait.await.unwrap();
        assert_eq!(output, None);
        assert!(waited >= timeout, "{waited:?}, {timeout:?}");
        assert!(waited <= timeout + 2 * MS, "{waited:?}, {timeout:?}");
    }
    assert_eq!(live(&deadlines), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_leaves_its_slot() {
    let deadlines = Deadlines::start(&Handle::current());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let waiting = tokio::spawn({
        let (deadlines, end) = (Arc::clone(&deadlines), after(60_000 * MS));
        async move { deadlines.until(end, receiver).await }
    });
    tokio::time::sleep(MS).await;
    assert_eq!(live(&deadlines), 1);
    sender.send(7).unwrap();
    assert_eq!(waiting.await.unwrap(), Some(Ok(7)));
    assert_eq!(live(&deadlines), 0);

    let cancelled = deadlines.until(after(60_000 * MS), pending::<()>());
    let cancelled = tokio::time::timeout(MS, cancelled).await;
    assert!(cancelled.is_err());
    assert_eq!(live(&deadlines), 0);
    // The task frees the memory when it looks the next time.
    tokio::time::sleep(61_000 * MS).await;
    assert_eq!(deadlines.slots.lock().slots.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_done_at_once_takes_no_slot() {
    let deadlines = Deadlines::start(&Handle::current());
    assert_eq!(deadlines.until(after(MS), async { 7 }).await, Some(7));
    assert_eq!(deadlines.slots.lock().slots.len(), 0);
}

/// The second waker must be woken: the first is that of a task which is gone.
#[tokio::test(start_paused = true)]
async fn a_wait_that_moves_to_another_task_wakes_that() {
    let deadlines = Deadlines::start(&Handle::current());
    let end = after(50 * MS);
    let of_both = Arc::clone(&deadlines);
    let mut wait = Box::pin(async move { of_both.until(end, pending::<()>()).await });
    let first = tokio::time::timeout(MS, wait.as_mut()).await;
    assert!(first.is_err());
    assert_eq!(tokio::spawn(wait).await.unwrap(), None);
    assert!(Moment::now() >= end);
}

/// A waker that panics.
struct Broken;

impl Wake for Broken {
    fn wake(self: Arc<Self>) {
        panic!("a bug");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_does_not_end_the_other_waits() {
    let deadlines = Deadlines::start(&Handle::current());
    let mut broken = pin!(deadlines.until(after(10 * MS), pending::<()>()));
    let waker = Waker::from(Arc::new(Broken));
    let polled = broken.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    for _ in 0..2 {
        assert_eq!(deadlines.until(after(20 * MS), pending::<()>()).await, None);
    }
    assert!(deadlines.is_alive());
    assert_eq!(broken.await, None);
}

#[test]
fn waits_end_with_the_runtime_of_the_task() {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let former = runtime();
    let deadlines = Deadlines::start(former.handle());
    let mut wait = Box::pin(deadlines.until(after(3_600_000 * MS), pending::<()>()));
    former.block_on(async {
        let early = tokio::time::timeout(MS, wait.as_mut()).await;
        assert!(early.is_err());
    });
    assert!(deadlines.is_alive());
    drop(former);
    assert!(!deadlines.is_alive());
    assert_eq!(runtime().block_on(wait), None);
}

#[test]
fn a_wait_in_another_runtime_does_not_depend_on_that_of_the_task() {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (parked, driven) = (runtime(), runtime());
    let deadlines = Deadlines::start(parked.handle());
    let start = Moment::now();
    let end = start.checked_add(20 * MS).unwrap();
    assert_eq!(driven.block_on(deadlines.until(end, pending::<()>())), None);
    assert!(Moment::now() >= end);
}

#[test]
fn without_timers_nothing_is_waited_for() {
    let parked = Builder::new_current_thread().enable_all().build().unwrap();
    let deadlines = Deadlines::start(parked.handle());
    let without = Builder::new_current_thread().build().unwrap();
    let wait = deadlines.until(after(3_600_000 * MS), pending::<()>());
    assert_eq!(without.block_on(wait), None);
    assert!(!without.block_on(async { deadlines.can_wait() }));
    assert!(parked.block_on(async { deadlines.can_wait() }));
}
