//! Leases that were made elsewhere: taken over, or released by their id.

use crate::acquire;
use crate::config::LockOptions;
use crate::error::{InvalidRequest, LockError, Released, UnlockError};
use crate::guard::LockGuard;
use crate::guard::detached::Lease;
use crate::lease;
use crate::lease_id::LeaseId;
use crate::manager::Redlock;
use crate::resource::{Resource, Resources};
use crate::time::clock::Moment;
use crate::time::validity;

impl Redlock {
    /// Releases a lease of which only the id is known: made by another process, or by another
    /// library that keeps its locks the same way.
    ///
    /// Returns when a quorum has answered. [`Released::was_held`] tells whether any node had it.
    /// A lease of [several resources](Self::lock_all) is lost if one of them is released; all are
    /// by [`unlock_lease`](Self::unlock_lease).
    ///
    /// # Errors
    ///
    /// - [`UnlockError::NoQuorum`]: too few nodes answered within the node timeout.
    /// - [`UnlockError::Invalid`]: the resource or the id is empty or too long.
    /// - [`UnlockError::Closed`]: the manager was shut down.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the release goes on in the background.
    pub async fn unlock(
        &self,
        resource: impl Into<Resource>,
        id: impl Into<LeaseId>,
    ) -> Result<Released, UnlockError> {
        self.release_by_id(&resource.into().into(), &id.into())
            .await
    }

    /// Releases a lease that was [detached](LockGuard::detach), with all its resources: otherwise
    /// as [`unlock`](Self::unlock).
    ///
    /// # Errors
    ///
    /// As of [`unlock`](Self::unlock).
    ///
    /// # Cancel safety
    ///
    /// Once polled, the release goes on in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let lease = redlock.lock_all(["account:1", "account:2"]).await?.detach();
    /// let released = redlock.unlock_lease(&lease).await?;
    /// assert!(released.was_held());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn unlock_lease(&self, lease: &Lease) -> Result<Released, UnlockError> {
        self.release_by_id(lease.all(), lease.lease_id()).await
    }

    /// Takes over a live lease that was made elsewhere, with the manager's default ttl: extends it
    /// at a quorum, and goes on extending.
    ///
    /// Whoever had it before is not told: this is for a lease that was
    /// [detached](LockGuard::detach), or whose holder is gone. One of
    /// [several resources](Self::lock_all) is taken over as a whole by
    /// [`adopt_lease`](Self::adopt_lease).
    ///
    /// # Errors
    ///
    /// - [`LockError::Lost`]: the lease is gone, or somebody else's.
    /// - [`LockError::NoQuorum`]: too few nodes answered within the node timeout.
    /// - [`LockError::Invalid`], [`LockError::Closed`]: as for a request.
    ///
    /// # Cancel safety
    ///
    /// Cancelling leaves the lease as it was, though it may have been extended once.
    pub async fn adopt(
        &self,
        resource: impl Into<Resource>,
        id: impl Into<LeaseId>,
    ) -> Result<LockGuard, LockError> {
        self.take_over(&resource.into().into(), id.into()).await
    }

    /// Takes over a lease that was [detached](LockGuard::detach), with all its resources: otherwise
    /// as [`adopt`](Self::adopt).
    ///
    /// # Errors
    ///
    /// As of [`adopt`](Self::adopt). A lease that has lost one of its resources is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancelling leaves the lease as it was, though it may have been extended once.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let guard = redlock.lock_all(["account:1", "account:2"]).await?;
    /// let text = guard.detach().to_string();
    ///
    /// // In another process:
    /// let guard = redlock.adopt_lease(&text.parse()?).await?;
    /// assert_eq!(guard.resources(), ["account:1", "account:2"]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn adopt_lease(&self, lease: &Lease) -> Result<LockGuard, LockError> {
        self.take_over(lease.all(), lease.lease_id().clone()).await
    }

    async fn release_by_id(
        &self,
        resources: &Resources,
        id: &LeaseId,
    ) -> Result<Released, UnlockError> {
        check(resources, id)?;
        if self.is_closed() {
            return Err(UnlockError::Closed);
        }
        let engine = self.engine()?;
        let config = self.config();
        let keys = resources.keys(&config.key_prefix).into();
        // Whatever ttl the lease was made with.
        let until = validity::gone_by(Moment::now(), config.max_ttl, config.drift_factor);
        let timeout = engine.node_timeout(config.ttl);
        lease::release_by_id(&engine, &keys, id, until, timeout)
            .await
            .map_err(|report| UnlockError::NoQuorum { report })
    }

    async fn take_over(&self, resources: &Resources, id: LeaseId) -> Result<LockGuard, LockError> {
        check(resources, &id)?;
        let engine = self.open_engine()?;
        acquire::adopt(&engine, resources, id, &LockOptions::of(self.config())).await
    }
}

fn check(resources: &Resources, id: &LeaseId) -> Result<(), InvalidRequest> {
    resources.validate()?;
    if id.as_str().is_empty() {
        Err(InvalidRequest::EmptyLeaseId)
    } else {
        Ok(())
    }
}
