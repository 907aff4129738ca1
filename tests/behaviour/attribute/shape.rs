//! The future of a call, and functions other than `async fn`.

use std::pin::Pin;

use redlock::{Error, LockError, Redlock, redlocked};
use tokio::task::yield_now;

use super::is_free;

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_polled_locks_nothing() {
    #[redlocked("lazy", manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<(), Error> {
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    let call = locked(&redlock);
    assert!(is_free(&redlock, "lazy").await);
    call.await.unwrap();
}

struct Bank {
    id: u64,
    redlock: Redlock,
}

trait Job {
    fn run<'a>(
        &'a mut self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<String, LockError>> + Send + 'a>>;
}

impl Job for Bank {
    #[redlocked("job:{self.id}:{name}", manager = self.redlock, guard = lock, wait = "0s")]
    fn run<'a>(
        &'a mut self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<String, LockError>> + Send + 'a>> {
        Box::pin(async move {
            self.id += 1;
            if name.is_empty() {
                return Ok(String::new());
            }
            Ok(format!("{} as {}", lock.resource(), self.id))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_boxed_body_runs_under_the_lock() {
    let redlock = Redlock::in_memory(3);
    let mut bank = Bank {
        id: 1,
        redlock: redlock.clone(),
    };
    assert_eq!(bank.run("audit").await.unwrap(), "job:1:audit as 2");

    let _holder = redlock.lock("job:2:audit").await.unwrap();
    assert!(bank.run("audit").await.unwrap_err().is_busy());
    assert_eq!(bank.id, 2);
}

#[redlocked("test", manager = Redlock::in_memory(3), guard = lock)]
#[tokio::test(start_paused = true)]
async fn a_test_may_run_under_the_lock_as_a_whole() -> Result<(), Error> {
    assert!(lock.is_held());
    Ok(())
}

#[test]
fn the_body_is_stored_once() {
    const SIZE: usize = 64 * 1024;

    #[redlocked("size", manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<u8, Error> {
        let large = [1; SIZE];
        yield_now().await;
        Ok(large[0])
    }

    let redlock = Redlock::in_memory(1);
    assert!(size_of_val(&locked(&redlock)) < SIZE * 3 / 2);
}
