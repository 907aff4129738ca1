//! Work that ends with its lease.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::error::{Error, LockLost};
use crate::guard::LockGuard;
use crate::guard::end::LeaseEnd;

impl LockGuard {
    /// Runs `body` while the lock is held, and drops it when the lease ends.
    ///
    /// Every poll checks the lease and the clock first, so a body whose lease has ended is never polled
    /// again. It is dropped when its task is scheduled next, before the error is returned. After a
    /// [`shutdown`](crate::Redlock::shutdown) the lock can be free by then; a deadline leaves time for
    /// it. Extensions never pause the body. The lock stays held when it completes.
    ///
    /// The future borrows the guard. The guard can be dropped, released and detached only after it. To
    /// spawn work under a lock, use [`run_owned`](Self::run_owned).
    ///
    /// # Errors
    ///
    /// [`LockLost`] if the lease ended before the body completed, with the reason. The body was dropped
    /// at an await point. The output of a body that completes is always returned: a loss during its
    /// last poll does not discard it. Check [`is_held`](Self::is_held) where that matters.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the body. The lock stays held.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let guard = redlock.lock("invoice:42").await?;
    /// let total = guard.run(async { 40 + 2 }).await?;
    /// assert_eq!(total, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run<F: Future>(&self, body: F) -> Run<'_, F> {
        Run::new(self, body)
    }

    /// Runs `body` while the lock is held, drops it when the lease ends, and then releases the lock.
    ///
    /// This is [`run`](Self::run) for work that is spawned. The release is awaited, so that the lock is
    /// free when this completes. An error of the release does not replace the output of the body.
    ///
    /// # Errors
    ///
    /// [`LockError::Lost`](crate::LockError::Lost) if the lease ended before the body completed, with
    /// the reason. The body was dropped at an await point.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future, or aborting its task, drops the body first. Then it releases the
    /// lock in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn rebuild(token: redlock::FencingToken) -> u32 { 42 }
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let guard = redlock.lock("index").await?;
    /// let token = guard.token();
    /// let task = tokio::spawn(guard.run_owned(rebuild(token)));
    /// assert!(redlock.try_lock("index").await.is_err());
    ///
    /// assert_eq!(task.await??, 42);
    /// let _guard = redlock.try_lock("index").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_owned<F: Future>(self, body: F) -> RunOwned<F> {
        RunOwned::new(self, body)
    }
}

pin_project! {
    /// A body and the lease that it needs.
    struct Bound<F> {
        end: LeaseEnd,
        // None once it has been dropped or has completed.
        #[pin]
        body: Option<F>,
    }
}

impl<F: Future> Bound<F> {
    fn new(guard: &LockGuard, body: F) -> Self {
        Self {
            end: LeaseEnd::of(&guard.lease),
            body: Some(body),
        }
    }
}

impl<F: Future> Future for Bound<F> {
    type Output = Result<F::Output, LockLost>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(end) = Pin::new(this.end).poll(cx) {
            this.body.set(None);
            return Poll::Ready(Err(end));
        }
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let output = ready!(body.poll(cx));
        this.body.set(None);
        Poll::Ready(Ok(output))
    }
}

pin_project! {
    /// A future that runs its body while a lock is held and drops it when the lease ends. Created by
    /// [`LockGuard::run`].
    ///
    /// It borrows the guard, which can therefore not be dropped, released or detached before it:
    ///
    /// ```compile_fail,E0505
    /// # async fn example(redlock: redlock::Redlock) -> Result<(), redlock::Error> {
    /// let guard = redlock.lock("invoice:42").await?;
    /// let run = guard.run(async { 40 + 2 });
    /// guard.release().await?;
    /// run.await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// To spawn the work, give it the guard: [`LockGuard::run_owned`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Run<'g, F> {
        #[pin]
        bound: Bound<F>,
        guard: PhantomData<&'g LockGuard>,
    }
}

impl<'g, F: Future> Run<'g, F> {
    pub(crate) fn new(guard: &'g LockGuard, body: F) -> Self {
        Self {
            bound: Bound::new(guard, body),
            guard: PhantomData,
        }
    }
}

impl<F: Future> Future for Run<'_, F> {
    type Output = Result<F::Output, LockLost>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().bound.poll(cx)
    }
}

impl<F> fmt::Debug for Run<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("lease", &self.bound.end)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A future that runs its body while a lock is held, drops it when the lease ends, and then
    /// releases the lock. Created by [`LockGuard::run_owned`].
    #[must_use = "futures do nothing unless polled; dropping this one releases the lock"]
    pub struct RunOwned<F: Future> {
        // Fields are dropped in this order: the body before the guard.
        #[pin]
        bound: Bound<F>,
        // Owns the guard.
        release: Release,
        outcome: Option<Result<F::Output, LockLost>>,
    }
}

type Release = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl<F: Future> RunOwned<F> {
    pub(crate) fn new(guard: LockGuard, body: F) -> Self {
        Self {
            bound: Bound::new(&guard, body),
            release: Box::pin(guard.finish()),
            outcome: None,
        }
    }
}

impl<F: Future> Future for RunOwned<F> {
    type Output = Result<F::Output, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.outcome.is_none() {
            *this.outcome = Some(ready!(this.bound.poll(cx)));
        }
        ready!(this.release.as_mut().poll(cx));
        let outcome = this.outcome.take();
        outcome.map_or(Poll::Pending, |it| Poll::Ready(it.map_err(Error::from)))
    }
}

impl<F: Future> fmt::Debug for RunOwned<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOwned")
            .field("lease", &self.bound.end)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use crate::error::LossReason;
    use crate::lease::ActiveLease;
    use crate::manager::Redlock;

    type End = fn(&ActiveLease);

    fn detach(lease: &ActiveLease) {
        let _deadline = lease.detach();
    }

    /// Sets a flag at its drop.
    struct Dropped<'a>(&'a Cell<bool>);

    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }

    /// The borrow of the guard excludes most of these ends. Nothing relies on that.
    #[tokio::test(start_paused = true)]
    async fn every_end_of_a_lease_ends_its_body_with_the_reason() {
        let ends: [(End, LossReason); 7] = [
            (ActiveLease::release, LossReason::Released),
            (ActiveLease::abandon, LossReason::Released),
            (detach, LossReason::Detached),
            (|it| it.lose(LossReason::Gone), LossReason::Gone),
            (|it| it.lose(LossReason::MaxHold), LossReason::MaxHold),
            (|it| it.lose(LossReason::Expired), LossReason::Expired),
            (|it| it.lose(LossReason::Shutdown), LossReason::Shutdown),
        ];
        let redlock = Redlock::in_memory(3);
        let second = Duration::from_secs(1);
        for (index, (end, reason)) in ends.into_iter().enumerate() {
            for is_polled_before in [false, true] {
                let name = format!("{index}:{is_polled_before}");
                let guard = redlock.lock(name).await.unwrap();
                let (dropped, polls) = (Cell::new(false), Cell::new(0));
                let body = async {
                    let _dropped = Dropped(&dropped);
                    polls.set(1);
                    // Due when the lease ends, and later than the end.
                    sleep(second).await;
                    polls.set(2);
                    pending::<()>().await;
                };
                let mut run = Box::pin(guard.run(body));
                if is_polled_before {
                    assert!(timeout(second / 2, run.as_mut()).await.is_err());
                }
                end(&guard.lease);
                sleep(second).await;
                let outcome = timeout(second, run.as_mut()).await;
                assert_eq!(outcome.unwrap().unwrap_err().reason(), reason);
                assert_eq!(dropped.get(), is_polled_before);
                assert_eq!(polls.get(), i32::from(is_polled_before));
                assert_eq!(
                    timeout(second, guard.lost()).await.is_ok(),
                    reason.is_loss()
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_lease_wakes_its_body() {
        let redlock = Redlock::in_memory(3);
        for end in [ActiveLease::release, detach] {
            let guard = redlock.lock("a").await.unwrap();
            let lease = std::sync::Arc::clone(&guard.lease);
            let task = tokio::spawn(guard.run_owned(pending::<()>()));
            sleep(Duration::from_millis(10)).await;
            end(&lease);
            // Sooner than any timer of the body.
            let ended = timeout(Duration::from_millis(1), task).await;
            assert!(ended.unwrap().unwrap().unwrap_err().is_lost());
            let _released = redlock.unlock("a", lease.id()).await.unwrap();
        }
    }

    /// A body that is stored twice makes every task that awaits it larger.
    #[tokio::test]
    async fn a_body_is_stored_once() {
        let redlock = Redlock::in_memory(1);
        let guard = redlock.lock("a").await.unwrap();
        let large = [0_u8; 4096];
        let body = || async move {
            pending::<()>().await;
            std::hint::black_box(large);
        };
        let size = size_of_val(&body());
        assert!(size_of_val(&guard.run(body())) < size + 256);
        assert!(size_of_val(&guard.run_owned(body())) < size + 256);
    }
}
