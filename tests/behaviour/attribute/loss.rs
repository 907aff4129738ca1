//! Locks that are lost while the body runs.

use std::future::pending;
use std::time::Duration;

use redlock::{LeaseId, LockError, LockGuard, Redlock, redlocked};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

/// Sends the lease id to the test, then never completes.
async fn hold(lock: &LockGuard, lease: oneshot::Sender<LeaseId>, _dropped: oneshot::Sender<()>) {
    lease.send(lock.lease_id().clone()).unwrap();
    pending::<()>().await;
}

/// Returns the result of a call that has lost its lock.
async fn ended<T>(call: JoinHandle<T>) -> T {
    timeout(Duration::from_secs(60), call)
        .await
        .expect("the body still runs")
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn loss_cancels_the_body_and_is_the_result() {
    #[redlocked("loss", manager = redlock, guard = lock)]
    async fn locked(
        redlock: Redlock,
        lease: oneshot::Sender<LeaseId>,
        dropped: oneshot::Sender<()>,
    ) -> Result<(), LockError> {
        hold(lock, lease, dropped).await;
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    let (sender, lease) = oneshot::channel();
    let (alive, dropped) = oneshot::channel::<()>();
    let call = tokio::spawn(locked(redlock.clone(), sender, alive));
    redlock.unlock("loss", lease.await.unwrap()).await.unwrap();
    assert!(matches!(ended(call).await, Err(LockError::Lost(_))));
    dropped.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn loss_may_be_ignored() {
    #[redlocked("ignore", manager = redlock, guard = lock, on_lost = ignore)]
    async fn locked(redlock: Redlock, lease: oneshot::Sender<LeaseId>) -> Result<bool, LockError> {
        lease.send(lock.lease_id().clone()).unwrap();
        lock.lost().await;
        yield_now().await;
        Ok(lock.is_held())
    }

    let redlock = Redlock::in_memory(3);
    let (sender, lease) = oneshot::channel();
    let call = tokio::spawn(locked(redlock.clone(), sender));
    redlock
        .unlock("ignore", lease.await.unwrap())
        .await
        .unwrap();
    assert!(!ended(call).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_not_reported_as_a_skipped_call() {
    #[redlocked("skip", manager = redlock, guard = lock, on_busy = skip)]
    async fn locked(
        redlock: Redlock,
        lease: oneshot::Sender<LeaseId>,
        dropped: oneshot::Sender<()>,
    ) -> Result<(), LockError> {
        hold(lock, lease, dropped).await;
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    let (sender, lease) = oneshot::channel();
    let (alive, _dropped) = oneshot::channel::<()>();
    let call = tokio::spawn(locked(redlock.clone(), sender, alive));
    redlock.unlock("skip", lease.await.unwrap()).await.unwrap();
    assert!(matches!(ended(call).await, Err(LockError::Lost(_))));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_not_extended_ends_with_its_ttl() {
    #[redlocked("plain", manager = redlock, ttl = "2s", auto_extend = false)]
    async fn locked(redlock: &Redlock) -> Result<(), LockError> {
        sleep(Duration::from_secs(3)).await;
        Ok(())
    }

    let error = locked(&Redlock::in_memory(3)).await.unwrap_err();
    assert!(matches!(error, LockError::Lost(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_outlives_its_ttl_up_to_max_hold() {
    #[redlocked("hold", manager = redlock, ttl = "2s", max_hold = "10s")]
    async fn locked(redlock: &Redlock, body: Duration) -> Result<(), LockError> {
        sleep(body).await;
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    locked(&redlock, Duration::from_secs(7)).await.unwrap();
    let error = locked(&redlock, Duration::from_secs(11)).await.unwrap_err();
    assert!(matches!(error, LockError::Lost(_)), "{error:?}");
}
