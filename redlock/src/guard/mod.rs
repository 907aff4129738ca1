//! The guard of a held lock.

pub(crate) mod detached;
mod end;
pub(crate) mod run;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{ExtendError, ReleaseError, Released};
use crate::guard::detached::Lease;
use crate::lease::ActiveLease;
use crate::lease_id::LeaseId;
use crate::resource::Resource;
use crate::token::FencingToken;

/// A lock that is held. Dropping it releases the lock.
///
/// When a guard is returned, a quorum of nodes holds the resource for its lease and for no other,
/// and will for [`remaining`](Self::remaining). The lease is extended in the background about every
/// third of its ttl, until the guard is dropped or the lease is [lost](Self::lost).
///
/// It is a permit, not a mutex guard. It contains no data, and it cannot stop a process that was
/// paused for longer than the ttl from finishing its write. Work that must not outlive the lease
/// belongs in [`run`](Self::run).
///
/// Drop never blocks and never panics: on any thread, in or out of a runtime, and while unwinding.
/// It queues the release at every node and returns. A later request for the resource through the
/// same manager, in the same runtime, is ordered behind it. A `current_thread` runtime sends nothing
/// between two `block_on` calls. A runtime that ends sends what is queued. A process that ends at once
/// cannot, and leaves the lock to its ttl: see
/// [shutdown](crate::guide::operations#shutdown). Use [`release`](Self::release) where the outcome
/// matters.
///
/// A guard that is forgotten ([`std::mem::forget`], a cycle of `Arc`s) is extended for as long as its
/// runtime lives, also when no handle of its manager is left. [`max_hold`](crate::LockRequest::max_hold)
/// ends it.
///
/// # Blocking work
///
/// A lease is extended by its runtime. In a `current_thread` runtime, code that blocks the thread stops
/// that, and the lock is lost once its deadline has passed. Move such work to another thread:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let redlock = redlock::Redlock::in_memory(3);
/// # fn render() -> Vec<u8> { Vec::new() }
/// let guard = redlock.lock("report").await?;
/// let report = tokio::task::spawn_blocking(render).await?;
/// // Blocking code cannot be stopped. If the lock was lost meanwhile, do not use the result.
/// if guard.is_held() {
///     println!("{} bytes", report.len());
/// }
/// # Ok(())
/// # }
/// ```
///
/// A multi-thread runtime extends leases while one of its threads is blocked.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), redlock::Error> {
/// let redlock = redlock::Redlock::in_memory(3);
/// let guard = redlock.lock("invoice:42").await?;
/// assert!(redlock.try_lock("invoice:42").await.is_err());
/// drop(guard);
/// let _guard = redlock.try_lock("invoice:42").await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a guard that is not bound releases the lock at once; `let _ = …` does not bind it, \
              `let _guard = …` does"]
#[clippy::has_significant_drop]
pub struct LockGuard {
    lease: Arc<ActiveLease>,
}

impl LockGuard {
    pub(crate) fn new(lease: Arc<ActiveLease>) -> Self {
        Self { lease }
    }

    /// The locked resource; of [several](crate::Redlock::lock_all), the first in byte order.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        self.lease.resources().first()
    }

    /// All locked resources, in byte order, each once.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        self.lease.resources().as_slice()
    }

    /// The value under the key, which proves ownership. A process that knows it can
    /// [release](crate::Redlock::unlock) or [adopt](crate::Redlock::adopt) the lease.
    #[must_use]
    pub fn lease_id(&self) -> &LeaseId {
        self.lease.id()
    }

    /// The fencing token: a number that grows with every acquisition of the resource.
    ///
    /// The protected system remembers the largest token it has seen and refuses smaller ones: the
    /// late write of a holder that was paused. [`fence`](crate::fence) has recipes. The token stays
    /// the same for as long as the lock is held.
    ///
    /// # Panics
    ///
    /// If the manager was made with [`fencing(false)`](crate::RedlockBuilder::fencing).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let first = redlock.lock("invoice:42").await?;
    /// let older = first.token();
    /// drop(first);
    /// let second = redlock.lock("invoice:42").await?;
    /// assert!(second.token() > older);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn token(&self) -> FencingToken {
        match self.try_token() {
            Some(token) => token,
            None => panic!("no fencing token: the manager was made with fencing(false)"),
        }
    }

    /// The fencing token, `None` if the manager was made with
    /// [`fencing(false)`](crate::RedlockBuilder::fencing).
    #[must_use]
    pub fn try_token(&self) -> Option<FencingToken> {
        self.lease.fencing_token()
    }

    /// The time until the lease must be treated as expired: its validity. Zero once it is lost.
    ///
    /// The time counts from before the first request was sent, less the allowance for drift. Its
    /// clock continues while the machine is suspended.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.lease.remaining()
    }

    /// Whether the lock is held now, by the clock. Once false, it stays false.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.lease.is_held()
    }

    /// Extends the lock to `ttl` from now, unless it already lasts longer. Returns the new validity.
    ///
    /// Background extensions continue as before. This is for long work under
    /// [`auto_extend(false)`](crate::LockRequest::auto_extend).
    ///
    /// # Errors
    ///
    /// - [`ExtendError::Lost`]: the lock was lost before.
    /// - [`ExtendError::NoQuorum`]: too few nodes confirmed within the node timeout. The lock is
    ///   held for the time that remained.
    /// - [`ExtendError::Invalid`]: `ttl` is out of bounds.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: confirmations of an extension that was sent still count.
    pub async fn extend(&self, ttl: Duration) -> Result<Duration, ExtendError> {
        self.lease.extend(ttl).await
    }

    /// Releases the lock and waits for the confirmation of a quorum, at most for the node timeout.
    ///
    /// Within the time of [`hold_at_least`](crate::LockRequest::hold_at_least) the nodes keep the
    /// keys until it is over, and report [`Kept`](crate::ReleaseOutcome::Kept).
    ///
    /// A lock that was lost before is not an error: see [`Released::was_held`]. Do not write
    /// `guard.release().await?` after work that succeeded. It would turn the failure of a node into
    /// a failure of the work, although the ttl ends the lock on that node.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`] if fewer nodes than a quorum confirmed, with the outcome at each.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the release continues in the background.
    pub async fn release(self) -> Result<Released, ReleaseError> {
        self.lease.release_and_wait().await
    }

    /// Releases the lock after work under it. An error is logged and does not replace the outcome of
    /// the work: the ttl ends the lock.
    pub(crate) async fn finish(self) {
        if let Err(error) = self.release().await {
            tracing::debug!(%error, "the release of a lock was not confirmed");
        }
    }

    /// Releases a lock whose guard no caller has seen.
    pub(crate) fn abandon(self) {
        self.lease.abandon();
    }

    /// Stops extending without releasing, and returns the lease for another process to take over.
    ///
    /// Unless it is [adopted](crate::Redlock::adopt_lease), the lease ends with its ttl. No key is put
    /// back on a node any more: where that was under way, the key is deleted again. Afterwards
    /// [`lost`](Self::lost) of this guard never completes. Its cancellation tokens are cancelled,
    /// because the lease is no longer watched here.
    #[must_use = "the lease stays until its ttl; without its id it cannot be released"]
    pub fn detach(self) -> Lease {
        let deadline = self.lease.detach();
        Lease::new(
            self.lease.resources().clone(),
            self.lease.id().clone(),
            self.try_token(),
            deadline,
        )
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.lease.release();
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard")
            .field("resources", self.lease.resources())
            .field("lease_id", self.lease_id())
            .field("token", &self.try_token())
            .field("remaining", &self.lease.time_left())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::manager::Redlock;

    /// Blocks the only thread of its runtime, so that no timer can notice the deadline.
    #[tokio::test]
    async fn formatting_a_guard_changes_nothing() {
        let redlock = Redlock::in_memory(1);
        let ttl = Duration::from_millis(100);
        let request = redlock.lock("a").ttl(ttl).auto_extend(false);
        let guard = request.await.unwrap();
        let ended = guard.cancellation_token();
        std::thread::sleep(ttl);
        assert!(format!("{guard:?}").contains("remaining: 0ns"));
        assert!(!ended.is_cancelled(), "formatting has ended the lease");
        assert!(!guard.is_held());
        assert!(ended.is_cancelled());
    }
}
