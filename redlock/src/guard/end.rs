//! The end of a lease, as futures.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::runtime;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::error::LockLost;
use crate::guard::LockGuard;
use crate::lease::ActiveLease;
use crate::time::clock;
use crate::time::clock::{Moment, TICK};
use crate::time::validity;

impl LockGuard {
    /// Waits until the lock is lost.
    ///
    /// Completes before the deadline, when no other client can hold the lock yet: by 1 % of the ttl,
    /// at least 2 ms. It also completes as soon as fewer nodes than a quorum hold the key: nodes that
    /// push notifications report a key that is gone, others show it at the next extension. It
    /// completes at once if the lock is already lost, and never if the guard was released or detached
    /// first: then the lock was given up, not lost. To wait for the end of the lease in any way, use
    /// [`cancellation_token`](Self::cancellation_token).
    ///
    /// The future does not borrow the guard, so it can be used beside one that borrows it mutably.
    ///
    /// # Cancel safety
    ///
    /// Cancelling the wait has no effect on the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// # async fn next_job() {}
    /// let guard = redlock.lock("leader").await?;
    /// let mut lost = std::pin::pin!(guard.lost());
    /// tokio::select! {
    ///     reason = &mut lost => println!("stepping down: {reason}"),
    ///     () = next_job() => println!("worked while leading"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn lost(&self) -> impl Future<Output = LockLost> + Send + Sync + 'static + use<> {
        Loss::of(&self.lease)
    }

    /// Returns a token that is cancelled when the lease ends: when the lock is lost, released or
    /// detached.
    ///
    /// It is a child token: cancelling it has no effect on the lock.
    #[must_use]
    pub fn cancellation_token(&self) -> CancellationToken {
        self.lease.cancellation_token().child_token()
    }
}

/// Completes when a lease has ended, in any way.
///
/// Has its own timer in the runtime that polls it, so that it notices the deadline on time even if
/// the runtime that extends the lease is blocked. A timer of the runtime that polled it before is not
/// driven, and panics once that runtime has ended. Where there are no timers, the runtime of the lease must
/// notice the deadline.
/// Once it has completed, it completes at every poll.
pub(crate) struct LeaseEnd {
    lease: Arc<ActiveLease>,
    /// Completes when the lease ends, or its deadline moves nearer.
    changed: Pin<Box<WaitForCancellationFutureOwned>>,
    deadline: Option<Pin<Box<Sleep>>>,
    /// The runtime that polled it last, if one did.
    runtime: Option<runtime::Id>,
    /// Whether that runtime has timers, once that is known.
    has_timers: Option<bool>,
}

impl LeaseEnd {
    pub(crate) fn of(lease: &Arc<ActiveLease>) -> Self {
        Self {
            lease: Arc::clone(lease),
            changed: Box::pin(lease.nearer_deadline().cancelled_owned()),
            deadline: None,
            runtime: None,
            has_timers: None,
        }
    }

    /// Sets the timer to the current deadline, at most a tick ahead: timers do not notice that the
    /// machine was suspended. Changes nothing once the lease has ended.
    fn arm(&mut self) {
        let Some(end) = self.lease.ends_at() else {
            return;
        };
        if !*self.has_timers.get_or_insert_with(clock::has_timers) {
            return;
        }
        let left = validity::remaining(end, Moment::now()).min(TICK);
        let at = Instant::now() + left;
        match &mut self.deadline {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.deadline = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }
}

impl Future for LeaseEnd {
    type Output = LockLost;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockLost> {
        let this = self.get_mut();
        if let Ok(runtime) = Handle::try_current()
            && this.runtime != Some(runtime.id())
        {
            this.runtime = Some(runtime.id());
            (this.deadline, this.has_timers) = (None, None);
        }
        loop {
            if let Some(end) = this.lease.expire_if_due() {
                return Poll::Ready(end);
            }
            if this.changed.as_mut().poll(cx).is_ready() {
                // Before the deadline is read, so that no change is missed.
                let nearer = this.lease.nearer_deadline();
                this.changed = Box::pin(nearer.cancelled_owned());
                this.arm();
                continue;
            }
            if this.deadline.is_none() {
                this.arm();
            }
            // Without a deadline the lease has ended just now, and `changed` wakes the task.
            let Some(sleep) = &mut this.deadline else {
                return Poll::Pending;
            };
            ready!(sleep.as_mut().poll(cx));
            this.arm();
        }
    }
}

impl fmt::Debug for LeaseEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lease.fmt(f)
    }
}

/// Completes when a lease is lost: when it ends against the will of its holder.
pub(crate) struct Loss(LeaseEnd);

impl Loss {
    pub(crate) fn of(lease: &Arc<ActiveLease>) -> Self {
        Self(LeaseEnd::of(lease))
    }
}

impl Future for Loss {
    type Output = LockLost;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockLost> {
        let end = ready!(Pin::new(&mut self.0).poll(cx));
        if end.reason().is_loss() {
            Poll::Ready(end)
        } else {
            Poll::Pending
        }
    }
}
