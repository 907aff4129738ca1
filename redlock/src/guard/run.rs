//! The loss of a lease, and work that it ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::error::LockLost;
use crate::lease::ActiveLease;
use crate::time::clock::{Moment, TICK};
use crate::time::validity;

/// Completes when a lease is lost.
///
/// Has its own timer in the runtime that polls it, so that it notices the loss on time even if the
/// runtime that extends the lease is blocked.
pub(crate) struct Loss {
    lease: Arc<ActiveLease>,
    /// Completes when the lease ends, or its deadline moves nearer.
    changed: Pin<Box<WaitForCancellationFutureOwned>>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Loss {
    pub(crate) fn of(lease: &Arc<ActiveLease>) -> Self {
        Self {
            lease: Arc::clone(lease),
            changed: Box::pin(lease.nearer_deadline().cancelled_owned()),
            deadline: None,
        }
    }

    /// Sets the timer to the current deadline, at most a tick ahead: timers do not notice that the
    /// machine was suspended.
    fn arm(&mut self) {
        let Some(end) = self.lease.ends_at() else {
            return;
        };
        let left = validity::remaining(end, Moment::now()).min(TICK);
        let at = Instant::now() + left;
        match &mut self.deadline {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.deadline = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }
}

impl Future for Loss {
    type Output = LockLost;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockLost> {
        let this = self.get_mut();
        if let Some(lost) = this.lease.expire_if_due() {
            return Poll::Ready(lost);
        }
        while this.changed.as_mut().poll(cx).is_ready() {
            // An end other than a loss does not complete this future.
            if this.lease.ends_at().is_none() {
                return this
                    .lease
                    .expire_if_due()
                    .map_or(Poll::Pending, Poll::Ready);
            }
            // Before the deadline is read, so that no change is missed.
            let nearer = this.lease.nearer_deadline();
            this.changed = Box::pin(nearer.cancelled_owned());
            this.arm();
        }
        loop {
            if this.deadline.is_none() {
                this.arm();
            }
            let Some(sleep) = &mut this.deadline else {
                return Poll::Pending;
            };
            ready!(sleep.as_mut().poll(cx));
            if let Some(lost) = this.lease.expire_if_due() {
                return Poll::Ready(lost);
            }
            if this.lease.ends_at().is_none() {
                return Poll::Pending;
            }
            this.arm();
        }
    }
}

pin_project! {
    /// A future that runs its body while a lock is held and drops it when the lock is lost. Created
    /// by [`LockGuard::run`](crate::LockGuard::run).
    #[must_use = "futures do nothing unless polled"]
    pub struct Run<F> {
        loss: Loss,
        // None once it has been dropped or has completed.
        #[pin]
        body: Option<F>,
    }
}

impl<F> Run<F> {
    pub(crate) fn new(loss: Loss, body: F) -> Self {
        Self {
            loss,
            body: Some(body),
        }
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, LockLost>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(lost) = Pin::new(this.loss).poll(cx) {
            this.body.set(None);
            return Poll::Ready(Err(lost));
        }
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let output = ready!(body.poll(cx));
        this.body.set(None);
        Poll::Ready(Ok(output))
    }
}

impl<F> fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("lease", &self.loss.lease)
            .finish_non_exhaustive()
    }
}
