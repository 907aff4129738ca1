//! Every way out of the body, after which the lock is free.

use std::future::pending;
use std::num::ParseIntError;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use redlock::{Error, LockGuard, Redlock, redlocked};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::is_free;

#[tokio::test(start_paused = true)]
async fn the_lock_is_free_when_the_call_returns() {
    #[redlocked("return", manager = redlock)]
    async fn locked(redlock: &Redlock, early: bool) -> Result<&'static str, Error> {
        if early {
            return Ok("early");
        }
        assert!(redlock.try_lock("return").await.is_err());
        Ok("late")
    }

    let redlock = Redlock::in_memory(3);
    assert_eq!(locked(&redlock, true).await.unwrap(), "early");
    assert!(is_free(&redlock, "return").await);
    assert_eq!(locked(&redlock, false).await.unwrap(), "late");
    assert!(is_free(&redlock, "return").await);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_the_body_is_the_result() {
    #[redlocked("question mark", manager = redlock)]
    async fn parse(
        redlock: &Redlock,
        text: &str,
    ) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
        let number: u32 = text.parse()?;
        Ok(number)
    }

    let redlock = Redlock::in_memory(3);
    assert_eq!(parse(&redlock, "12").await.unwrap(), 12);
    let error = parse(&redlock, "twelve").await.unwrap_err();
    assert!(error.is::<ParseIntError>());
    assert!(is_free(&redlock, "question mark").await);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_body_releases() {
    #[redlocked("panic", manager = redlock)]
    async fn locked(redlock: Redlock) -> Result<(), Error> {
        yield_now().await;
        panic!("on purpose");
    }

    let redlock = Redlock::in_memory(3);
    assert!(
        tokio::spawn(locked(redlock.clone()))
            .await
            .unwrap_err()
            .is_panic()
    );
    assert!(is_free(&redlock, "panic").await);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_releases() {
    #[redlocked("cancel", manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<(), Error> {
        pending().await
    }

    let redlock = Redlock::in_memory(3);
    timeout(Duration::from_secs(60), locked(&redlock))
        .await
        .unwrap_err();
    assert!(is_free(&redlock, "cancel").await);
}

/// A log of events, each marked if the lock was not held.
#[derive(Default)]
struct Witness {
    released: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
    log: Mutex<Vec<&'static str>>,
}

impl Witness {
    fn watch(&self, lock: &LockGuard) {
        let token = lock.cancellation_token();
        assert!(
            self.released
                .set(Box::new(move || token.is_cancelled()))
                .is_ok()
        );
    }

    fn note(&self, event: &'static str) {
        let released = self.released.get().is_none_or(|released| released());
        self.log
            .lock()
            .unwrap()
            .push(if released { "without lock" } else { event });
    }
}

struct Transaction<'a>(&'a Witness);

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.0.note("dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_outlive_the_body_but_not_the_lock() {
    #[redlocked("drop", manager = redlock, guard = lock)]
    async fn locked(
        redlock: Redlock,
        witness: &Witness,
        _unused: Transaction<'_>,
        (_inside, _): (Transaction<'_>, u8),
    ) -> Result<(), Error> {
        witness.watch(lock);
        yield_now().await;
        witness.note("body");
        Ok(())
    }

    let witness = Witness::default();
    let transaction = || Transaction(&witness);
    locked(
        Redlock::in_memory(3),
        &witness,
        transaction(),
        (transaction(), 0),
    )
    .await
    .unwrap();
    assert_eq!(*witness.log.lock().unwrap(), ["body", "dropped", "dropped"]);
}
