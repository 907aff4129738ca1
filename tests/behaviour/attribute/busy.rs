//! The policies for a busy lock: an error, a skipped call, or a default value.

use std::sync::atomic::{AtomicU32, Ordering};

use redlock::{Error, LockError, Redlock, redlocked};
use tokio::task::yield_now;

#[tokio::test(start_paused = true)]
async fn a_busy_call_may_be_skipped() {
    #[redlocked("skip", wait = "0s", on_busy = skip, manager = redlock)]
    async fn unit(redlock: &Redlock, runs: &AtomicU32) {
        runs.fetch_add(1, Ordering::SeqCst);
    }

    #[redlocked("skip", wait = "0s", on_busy = skip, manager = redlock)]
    async fn option(redlock: &Redlock) -> Option<&'static str> {
        Some("ran")
    }

    #[redlocked("skip", wait = "0s", on_busy = skip, manager = redlock)]
    async fn result(redlock: &Redlock, runs: &AtomicU32) -> Result<(), Error> {
        runs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[redlocked("skip", wait = "0s", on_busy = skip, manager = redlock)]
    async fn result_option(redlock: &Redlock) -> Result<Option<&'static str>, LockError> {
        Ok(Some("ran"))
    }

    let redlock = Redlock::in_memory(3);
    let runs = AtomicU32::new(0);

    let holder = redlock.lock("skip").await.unwrap();
    unit(&redlock, &runs).await;
    assert_eq!(option(&redlock).await, None);
    result(&redlock, &runs).await.unwrap();
    assert_eq!(result_option(&redlock).await.unwrap(), None);
    assert_eq!(runs.load(Ordering::SeqCst), 0);

    holder.release().await.unwrap();
    unit(&redlock, &runs).await;
    assert_eq!(option(&redlock).await, Some("ran"));
    result(&redlock, &runs).await.unwrap();
    assert_eq!(result_option(&redlock).await.unwrap(), Some("ran"));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_busy_call_may_return_a_default() {
    #[redlocked("default", wait = "0s", on_busy = default(Ok(cached(text).await)), manager = redlock)]
    async fn locked(redlock: &Redlock, text: String) -> Result<String, Error> {
        Ok(text)
    }

    async fn cached(text: String) -> String {
        yield_now().await;
        format!("cached {text}")
    }

    let redlock = Redlock::in_memory(3);
    let holder = redlock.lock("default").await.unwrap();
    assert_eq!(
        locked(&redlock, "text".into()).await.unwrap(),
        "cached text"
    );
    holder.release().await.unwrap();
    assert_eq!(locked(&redlock, "text".into()).await.unwrap(), "text");
}

#[tokio::test(start_paused = true)]
async fn only_a_busy_lock_is_skipped_or_replaced() {
    #[redlocked("no manager", on_busy = skip)]
    async fn skip() -> Result<(), LockError> {
        unreachable!("the body has no lock")
    }

    #[redlocked("no manager", on_busy = default(Ok(())))]
    async fn default() -> Result<(), LockError> {
        unreachable!("the body has no lock")
    }

    #[redlocked("no manager", on_busy = skip)]
    async fn nowhere_to_put_an_error() {
        unreachable!("the body has no lock")
    }

    assert!(matches!(skip().await, Err(LockError::NoGlobal)));
    assert!(matches!(default().await, Err(LockError::NoGlobal)));
    nowhere_to_put_an_error().await;
}
