//! Adoption of a lease, and its release by id.

use std::sync::Arc;

use crate::acquire;
use crate::config::LockOptions;
use crate::engine::registry::LiveLease;
use crate::error::{InvalidRequest, LockError, LossReason, Released, UnlockError};
use crate::guard::LockGuard;
use crate::guard::detached::Lease;
use crate::lease::ReleaseById;
use crate::lease_id::LeaseId;
use crate::manager::Redlock;
use crate::node::Keys;
use crate::quorum::per_node::Selection;
use crate::resource::{Resource, Resources};
use crate::time::clock::Moment;
use crate::time::validity;

impl Redlock {
    /// Releases a lease by its id.
    ///
    /// The lease may have been acquired by another process, or by another library that stores its
    /// locks in the same way. Returns when a quorum has confirmed, at most after the node timeout.
    /// [`Released::was_held`] is whether any node that responded by then had the lease.
    ///
    /// A guard of this manager that holds the lease is [lost](LockGuard::lost) at once, with the
    /// reason [`Unlocked`](crate::LossReason::Unlocked) and with all its resources. A guard elsewhere
    /// notices when the servers push the change, or at its next extension.
    ///
    /// A lease of [several resources](Self::lock_all) is lost if one of them is released. To
    /// release all of them, use [`unlock_lease`](Self::unlock_lease).
    ///
    /// # Errors
    ///
    /// - [`UnlockError::NoQuorum`]: too few nodes confirmed within the node timeout.
    /// - [`UnlockError::Invalid`]: the id is empty, the resource is invalid, or there is no Tokio
    ///   runtime.
    /// - [`UnlockError::Closed`]: the manager was shut down.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the release continues in the background.
    pub async fn unlock(
        &self,
        resource: impl Into<Resource>,
        id: impl Into<LeaseId>,
    ) -> Result<Released, UnlockError> {
        self.release_by_id(&resource.into().into(), &id.into())
            .await
    }

    /// Releases a [detached](LockGuard::detach) lease, with all its resources.
    ///
    /// In all other respects this is [`unlock`](Self::unlock).
    ///
    /// # Errors
    ///
    /// Those of [`unlock`](Self::unlock).
    ///
    /// # Cancel safety
    ///
    /// Once polled, the release continues in the background.
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

    /// Takes over a live lease by its id.
    ///
    /// The lease gets a new id and a larger [token](LockGuard::token), and is extended on a quorum of
    /// nodes, with the manager's default ttl. From then on the returned guard extends it, unless the
    /// manager has [`auto_extend(false)`](crate::RedlockBuilder::auto_extend). The former id is worth
    /// nothing any more.
    ///
    /// A former holder in this manager is [lost](LockGuard::lost) before the guard is returned, with
    /// the reason [`Adopted`](crate::LossReason::Adopted). Any other one finds out by its
    /// [next extensions](crate::guide::guarantees#adoption). Until then both guards are held, and only
    /// the token separates them.
    ///
    /// To take over a lease of [several resources](Self::lock_all), use
    /// [`adopt_lease`](Self::adopt_lease).
    ///
    /// # Errors
    ///
    /// - [`LockError::Lost`]: the lease is gone, or another owner has the lock.
    /// - [`LockError::Busy`]: others adopt the lease at the same time. They may all fail: try again.
    /// - [`LockError::NoQuorum`]: too few nodes confirmed within the node timeout.
    /// - [`LockError::Invalid`], [`LockError::Closed`]: as for a
    ///   [request](crate::LockRequest#errors).
    ///
    /// After an error, the lease has its former id and its former expiry.
    ///
    /// # Cancel safety
    ///
    /// Cancelling leaves the lease as it was. It may have been extended once.
    pub async fn adopt(
        &self,
        resource: impl Into<Resource>,
        id: impl Into<LeaseId>,
    ) -> Result<LockGuard, LockError> {
        self.take_over(&resource.into().into(), &id.into()).await
    }

    /// Takes over a [detached](LockGuard::detach) lease, with all its resources.
    ///
    /// In all other respects this is [`adopt`](Self::adopt).
    ///
    /// # Errors
    ///
    /// Those of [`adopt`](Self::adopt). A lease that has lost one of its resources is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancelling leaves the lease as it was. It may have been extended once.
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
        self.take_over(lease.all(), lease.lease_id()).await
    }

    async fn release_by_id(
        &self,
        resources: &Resources,
        id: &LeaseId,
    ) -> Result<Released, UnlockError> {
        validate(resources, id)?;
        if self.is_closed() {
            return Err(UnlockError::Closed);
        }
        let engine = self.engine()?;
        let config = self.config();
        let keys: Keys = resources.keys(&config.key_prefix).into();
        // The ttl of the lease is unknown, so the longest is assumed.
        let gone_by = validity::gone_by(Moment::now(), config.max_ttl, config.drift_factor);
        let all = Selection::of(engine.quorum().nodes(), |_| true);
        let send = || ReleaseById::send(&engine, all, &keys, id, gone_by);
        let (release, was_held) = self.release_live(id, &keys, LossReason::Unlocked, send);
        let timeout = engine.node_timeout(config.ttl);
        release
            .outcome(&engine, was_held, timeout)
            .await
            .map_err(|report| UnlockError::NoQuorum { report })
    }

    /// Sends a release by id. A guard of this manager that holds the lease ends with the reason, before
    /// it can find its keys gone. Returns whether there was one.
    pub(super) fn release_live(
        &self,
        id: &LeaseId,
        keys: &Keys,
        reason: LossReason,
        send: impl FnOnce() -> ReleaseById,
    ) -> (ReleaseById, bool) {
        let (mut release, mut send) = (None, Some(send));
        let mut send_once = || release = send.take().map(|send| send());
        let live = self.live_lease(id);
        let was_held = live.is_some_and(|lease| lease.on_unlocked(keys, reason, &mut send_once));
        if !was_held {
            send_once();
        }
        let Some(release) = release else {
            unreachable!("the releases were sent here or there");
        };
        (release, was_held)
    }

    async fn take_over(&self, resources: &Resources, id: &LeaseId) -> Result<LockGuard, LockError> {
        validate(resources, id)?;
        let engine = self.open_engine()?;
        let options = LockOptions::of(self.config());
        let end_former = || {
            if let Some(lease) = self.live_lease(id) {
                lease.on_adopted(&resources.keys(&self.config().key_prefix).into());
            }
        };
        acquire::adopt(&engine, resources, id, &options, end_former).await
    }

    /// Returns the lease with this id that a guard of this manager holds, in whichever runtime.
    fn live_lease(&self, id: &LeaseId) -> Option<Arc<dyn LiveLease>> {
        self.engines()
            .iter()
            .find_map(|engine| engine.registry().find(id))
    }
}

fn validate(resources: &Resources, id: &LeaseId) -> Result<(), InvalidRequest> {
    resources.validate()?;
    if id.as_bytes().is_empty() {
        Err(InvalidRequest::EmptyLeaseId)
    } else {
        Ok(())
    }
}
