//! The supervision of a command by its lock.
//!
//! ```text
//! remaining time    event
//! ttl               an extension is confirmed
//! 2/3 ttl           the next one is due; no quorum responds
//! 4/3 notice        last attempt to extend
//! notice            SIGTERM
//! a little          SIGKILL
//! 0                 others may acquire the lock
//! ```
//!
//! The notice is the grace period, or a quarter of the ttl if that is shorter. A loss without
//! a warning, such as a release by another process, is followed by SIGTERM and the whole grace period.

use std::pin::pin;
use std::time::Duration;

use redlock::{ExtendError, LockGuard};
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::child::{Change, Child, Stop};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::signals::Signals;

/// A running command and its lock.
pub(super) struct Supervision<'a> {
    guard: &'a LockGuard,
    child: &'a mut Child,
    grace: Duration,
    ttl: Duration,
}

impl<'a> Supervision<'a> {
    /// Supervises a command that has just been started, under a lock that has just been acquired.
    pub(super) fn new(guard: &'a LockGuard, child: &'a mut Child, grace: Duration) -> Self {
        let ttl = guard.remaining();
        Self {
            guard,
            child,
            grace,
            ttl,
        }
    }

    /// Waits for the end of the command and returns it. Stops the command if the lock is lost.
    pub(super) async fn run(mut self, signals: &mut Signals) -> Result<Ending, Failure> {
        let mut lost = pin!(self.guard.lost());
        loop {
            tokio::select! {
                // A lock that was lost before the command ended did not protect all of its work.
                biased;
                lost = &mut lost => {
                    // Stop first, print later: stderr may be a full pipe.
                    self.child.stop(self.grace).await;
                    return Err(lost.into());
                }
                () = near_end(self.guard, self.notice() * 4 / 3) => {
                    if let Err(error) = self.extend().await {
                        return Err(self.give_up(error).await);
                    }
                }
                change = self.child.changed() => match change {
                    Change::Ended(ending) => return Ok(ending),
                    Change::Stopped(signal) => {
                        if self.child.on_stop(signal) == Stop::Suspended {
                            self.resume().await?;
                        }
                    }
                },
                signal = signals.next() => match signal {
                    Signal::CONT if self.child.is_stopped() => self.resume().await?,
                    Signal::CONT => self.child.resume(),
                    signal => self.child.forward(signal),
                },
            }
        }
    }

    /// How long before the end of the lock the command receives SIGTERM.
    fn notice(&self) -> Duration {
        // Without a grace period, there is still the time that it takes to kill.
        self.grace.clamp(self.ttl / 100, self.ttl / 4)
    }

    /// Tries to extend the lock, for at most a quarter of the remaining time.
    async fn extend(&self) -> Result<(), Option<ExtendError>> {
        let attempt = self.guard.extend(self.ttl);
        match timeout(self.guard.remaining() / 4, attempt).await {
            Ok(Ok(_validity)) => Ok(()),
            Ok(Err(error)) => Err(Some(error)),
            Err(_elapsed) => Err(None),
        }
    }

    /// Continues a stopped command if it still has its lock. Otherwise kills it while it is stopped, so
    /// that it does nothing without the lock.
    async fn resume(&mut self) -> Result<(), Failure> {
        let has_time = self.guard.is_held() && self.guard.remaining() > self.notice() * 4 / 3;
        if !has_time && let Err(error) = self.extend().await {
            self.child.kill().await;
            return Err(self.lost(error));
        }
        self.child.resume();
        Ok(())
    }

    /// Stops a command whose lock is about to end.
    async fn give_up(&mut self, error: Option<ExtendError>) -> Failure {
        let grace = match error {
            Some(ExtendError::Lost(_)) => self.grace,
            _ => {
                let left = self.guard.remaining();
                left.saturating_sub(self.notice() / 10).min(self.grace)
            }
        };
        self.child.stop(grace).await;
        self.lost(error)
    }

    fn lost(&self, error: Option<ExtendError>) -> Failure {
        match error {
            Some(ExtendError::Lost(lost)) => lost.into(),
            Some(ExtendError::NoQuorum {
                confirmed,
                needed,
                nodes,
                failures,
                ..
            }) => Failure::not_extended(
                self.guard.resource(),
                format!("{confirmed} of {nodes} nodes extended it, {needed} needed"),
                failures.iter(),
            ),
            Some(error) => Failure::lost(error),
            None => Failure::not_extended(
                self.guard.resource(),
                "no quorum responded in time",
                [] as [&str; 0],
            ),
        }
    }
}

/// Waits until at most `left` remains of the lock.
async fn near_end(guard: &LockGuard, left: Duration) {
    loop {
        let remaining = guard.remaining();
        if remaining <= left {
            return;
        }
        sleep(remaining - left).await;
    }
}
