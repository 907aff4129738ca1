//! The manager that a call uses.

use std::sync::{Arc, LazyLock};

use redlock::{Error, LeaseId, LockError, Redlock, redlocked};

#[redlocked("default manager", guard = lock)]
async fn default_manager() -> Result<LeaseId, LockError> {
    Ok(lock.lease_id().clone())
}

#[tokio::test(start_paused = true)]
async fn without_a_manager_the_body_does_not_run() {
    assert!(matches!(default_manager().await, Err(LockError::NoGlobal)));
}

#[tokio::test(start_paused = true)]
async fn a_scope_is_the_default_manager() {
    let redlock = Redlock::in_memory(3);
    redlock.scope(default_manager()).await.unwrap();

    let _holder = redlock.lock("default manager").await.unwrap();
    let busy = redlock
        .scope(async { default_manager().await })
        .await
        .unwrap_err();
    assert!(busy.is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_named_manager_comes_before_the_scope() {
    #[redlocked("named", manager = redlock, wait = "0s")]
    async fn named(redlock: &Redlock) -> Result<(), LockError> {
        Ok(())
    }

    let (scope, other) = (Redlock::in_memory(3), Redlock::in_memory(3));
    let _holder = scope.lock("named").await.unwrap();
    scope.scope(named(&other)).await.unwrap();
    assert!(scope.scope(named(&scope)).await.unwrap_err().is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_manager_may_be_anything_that_derefs_to_one() {
    static REDLOCK: LazyLock<Redlock> = LazyLock::new(|| Redlock::in_memory(3));

    #[redlocked("static", manager = REDLOCK)]
    async fn lazy() -> Result<(), Error> {
        Ok(())
    }

    #[redlocked("shared", manager = redlock)]
    async fn shared(redlock: Arc<Redlock>) -> Result<(), Error> {
        Ok(())
    }

    lazy().await.unwrap();
    shared(Arc::new(Redlock::in_memory(3))).await.unwrap();
}
