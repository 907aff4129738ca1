//! Work bound to a lease.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;

use redlock::{Error, LockError, LockGuard, LossReason, MemoryNode, Redlock};

use crate::common::{
    MS, SECOND, Stopwatch, cluster, holding, manager, manager_without_quarantine, settle,
};

/// Counts its drops.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_completed_body_returns_its_value_and_keeps_the_lock() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").await.unwrap();
    assert_eq!(guard.run(async { 7 }).await.unwrap(), 7);
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_body_is_dropped_when_the_lock_is_lost() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let drops = Arc::new(AtomicU32::new(0));
    let dropped = Dropped(Arc::clone(&drops));
    let body = async move {
        let _dropped = dropped;
        pending::<()>().await;
    };
    let mut run = Box::pin(guard.run(body));
    assert!(tokio::time::timeout(SECOND, run.as_mut()).await.is_err());
    nodes.iter().for_each(MemoryNode::forget_keys);
    let lost = run.as_mut().await.unwrap_err();
    assert_eq!(lost.reason(), LossReason::Gone);
    assert_eq!(
        drops.load(Ordering::SeqCst),
        1,
        "dropped at the loss, not with the future"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_is_not_polled_after_the_deadline() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock
        .lock("a")
        .auto_extend(false)
        .ttl(SECOND)
        .await
        .unwrap();
    let polls = Cell::new(0);
    let body = poll_fn(|_| {
        polls.set(polls.get() + 1);
        Poll::<()>::Pending
    });
    let mut run = Box::pin(guard.run(body));
    assert!(tokio::time::timeout(MS, run.as_mut()).await.is_err());
    let before = polls.get();
    // The task is not scheduled until the lease is over.
    tokio::time::advance(2 * SECOND).await;
    assert!(run.as_mut().await.is_err());
    assert_eq!(polls.get(), before);
}

#[tokio::test(start_paused = true)]
async fn a_body_continues_while_the_lock_is_extended() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    let watch = Stopwatch::start();
    guard.run(tokio::time::sleep(60 * SECOND)).await.unwrap();
    assert!(watch.elapsed() < 61 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn lost_has_no_effect_and_never_completes_after_a_release() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    drop(guard.lost());
    let lost = guard.lost();
    assert!(tokio::time::timeout(SECOND, guard.lost()).await.is_err());
    assert!(guard.is_held());
    guard.release().await.unwrap();
    assert!(tokio::time::timeout(3600 * SECOND, lost).await.is_err());
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn lost_never_completes_after_a_detach() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let lost = guard.lost();
    let _lease = guard.detach();
    assert!(tokio::time::timeout(3600 * SECOND, lost).await.is_err());
    assert_eq!(holding(&nodes), 0, "the lease has ended with its ttl");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_a_body_with_its_reason() {
    let (_nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let drops = Arc::new(AtomicU32::new(0));
    let dropped = Dropped(Arc::clone(&drops));
    let body = async move {
        let _dropped = dropped;
        pending::<()>().await;
    };
    let mut run = Box::pin(guard.run(body));
    let (outcome, ()) = tokio::join!(run.as_mut(), redlock.shutdown());
    assert_eq!(outcome.unwrap_err().reason(), LossReason::Shutdown);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

/// Ends the lease while its body is polled, as another thread may.
#[tokio::test(start_paused = true)]
async fn a_body_whose_lease_ends_meanwhile_keeps_its_output() {
    let (_nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let mut shutdown = pin!(redlock.shutdown());
    let body = poll_fn(|cx| {
        let _pending = shutdown.as_mut().poll(cx);
        Poll::Ready(7)
    });
    assert_eq!(guard.run(body).await.unwrap(), 7);
    assert!(!guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_lease_ends_meanwhile_is_not_polled_again() {
    let (_nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let polls = Cell::new(0);
    let mut shutdown = pin!(redlock.shutdown());
    let body = poll_fn(|cx| {
        polls.set(polls.get() + 1);
        let _pending = shutdown.as_mut().poll(cx);
        Poll::<()>::Pending
    });
    let lost = guard.run(body).await.unwrap_err();
    assert_eq!(lost.reason(), LossReason::Shutdown);
    assert_eq!(polls.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn spawned_work_owns_its_lock_and_releases_it() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    let work = async {
        tokio::time::sleep(60 * SECOND).await;
        7
    };
    let task = tokio::spawn(guard.run_owned(work));
    tokio::time::sleep(59 * SECOND).await;
    let other = manager(&nodes);
    assert!(other.try_lock("a").await.unwrap_err().is_busy());
    assert_eq!(task.await.unwrap().unwrap(), 7);
    assert_eq!(holding(&nodes), 0, "free when the task has completed");
    assert!(other.try_lock("a").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn spawned_work_is_dropped_when_its_lock_is_lost() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let drops = Arc::new(AtomicU32::new(0));
    let dropped = Dropped(Arc::clone(&drops));
    let task = tokio::spawn(guard.run_owned(async move {
        let _dropped = dropped;
        pending::<()>().await;
    }));
    tokio::time::sleep(SECOND).await;
    nodes.iter().for_each(MemoryNode::forget_keys);
    let error = task.await.unwrap().unwrap_err();
    let Error::Lock(LockError::Lost(lost)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(lost.reason(), LossReason::Gone);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

/// Records at its drop whether its lease has ended.
struct Witness {
    has_ended: Box<dyn Fn() -> bool>,
    record: Arc<AtomicBool>,
}

impl Witness {
    fn new(guard: &LockGuard, record: Arc<AtomicBool>) -> Self {
        let token = guard.cancellation_token();
        let has_ended = Box::new(move || token.is_cancelled());
        Self { has_ended, record }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.record.store((self.has_ended)(), Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_work_is_dropped_before_the_release() {
    let (nodes, redlock) = cluster::<3>();
    // Work that was polled, work that was not, and the work of a request.
    for case in 0..3 {
        let ended_first = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&ended_first);
        if case == 2 {
            let run = redlock.lock("a").run(async move |guard| {
                let _witness = Witness::new(guard, seen);
                pending::<()>().await;
            });
            assert!(tokio::time::timeout(SECOND, run).await.is_err());
        } else {
            let guard = redlock.lock("a").await.unwrap();
            let witness = Witness::new(&guard, seen);
            let mut run = Box::pin(guard.run_owned(async move {
                let _witness = witness;
                pending::<()>().await;
            }));
            if case == 0 {
                assert!(tokio::time::timeout(SECOND, run.as_mut()).await.is_err());
            }
            assert_eq!(holding(&nodes), 3);
        }
        assert!(!ended_first.load(Ordering::SeqCst), "case {case}");
        settle().await;
        assert_eq!(holding(&nodes), 0, "case {case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_token_is_cancelled_by_loss_and_by_release() {
    let nodes = MemoryNode::cluster::<3>();
    let redlock = manager_without_quarantine(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    let token = guard.cancellation_token();
    nodes.iter().for_each(MemoryNode::wipe);
    token.cancelled().await;
    assert!(!guard.is_held());
    assert!(
        guard.cancellation_token().is_cancelled(),
        "a token created after the loss"
    );

    let guard = redlock.lock("b").await.unwrap();
    let token = guard.cancellation_token();
    assert!(!token.is_cancelled());
    drop(guard);
    assert!(token.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_token_changes_nothing_for_the_guard() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").await.unwrap();
    guard.cancellation_token().cancel();
    assert!(guard.is_held());
    assert!(!guard.cancellation_token().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_request_runs_a_closure_and_releases() {
    let (nodes, redlock) = cluster::<3>();
    let outcome = redlock
        .lock("a")
        .run(async |guard| {
            assert_eq!(holding(&nodes), 3);
            guard.resource().to_string()
        })
        .await;
    assert_eq!(outcome.unwrap(), "a");
    assert_eq!(holding(&nodes), 0);

    let _guard = redlock.lock("a").await.unwrap();
    let refused = manager(&nodes)
        .try_lock("a")
        .run(async |_| unreachable!())
        .await;
    let Err(error): Result<(), _> = refused else {
        panic!("the body must not run")
    };
    assert!(error.is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_loses_its_lock_is_dropped() {
    let (nodes, redlock) = cluster::<3>();
    let outcome = redlock
        .lock("a")
        .run(async |_| {
            nodes.iter().for_each(MemoryNode::forget_keys);
            pending::<()>().await;
        })
        .await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, Error::Lock(LockError::Lost(_))),
        "{error:?}"
    );
    assert!(error.is_lost());
}
