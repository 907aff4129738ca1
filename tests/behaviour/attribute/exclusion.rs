//! Mutual exclusion of bodies, and calls that wait for the lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redlock::{Error, LockError, Redlock, redlocked};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn bodies_under_one_key_never_overlap() {
    #[redlocked("counter", manager = redlock)]
    async fn increment(redlock: Redlock, counter: Arc<AtomicU32>) -> Result<(), Error> {
        let before = counter.load(Ordering::SeqCst);
        sleep(Duration::from_millis(10)).await;
        counter.store(before + 1, Ordering::SeqCst);
        Ok(())
    }

    let redlock = Redlock::in_memory(5);
    let counter = Arc::new(AtomicU32::new(0));
    let calls: Vec<_> = (0..20)
        .map(|_| tokio::spawn(increment(redlock.clone(), Arc::clone(&counter))))
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(counter.load(Ordering::SeqCst), 20);
}

#[tokio::test(start_paused = true)]
async fn bodies_under_different_keys_overlap() {
    #[redlocked("{id}", wait = "0s", manager = redlock)]
    async fn nested(redlock: &Redlock, id: u32) -> Result<u32, Error> {
        if id == 0 {
            Ok(0)
        } else {
            Ok(1 + Box::pin(nested(redlock, id - 1)).await?)
        }
    }

    assert_eq!(nested(&Redlock::in_memory(3), 3).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_busy_lock_is_an_error_and_the_body_does_not_run() {
    #[redlocked("busy", wait = "1s", manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<(), LockError> {
        unreachable!("the body has no lock")
    }

    let redlock = Redlock::in_memory(3);
    let _holder = redlock.lock("busy").await.unwrap();
    assert!(locked(&redlock).await.unwrap_err().is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_lock() {
    #[redlocked("wait", wait = Duration::from_secs(5), manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<(), Error> {
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    let holder = redlock.lock("wait").await.unwrap();
    let release = async {
        sleep(Duration::from_secs(3)).await;
        holder.release().await.unwrap();
    };
    let (result, ()) = tokio::join!(locked(&redlock), release);
    result.unwrap();
}
