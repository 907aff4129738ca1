//! The loss of a lock that was held.

use std::sync::Arc;

use crate::error::node::{Causes, NodeFailure};
use crate::resource::{Resource, Resources};

/// A lease ended while something depended on it.
///
/// A lost lock does not come back. Stop the protected work, undo or hand over what it has done so
/// far, and request the lock again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lost the lock on {resources}: {reason}{}", Causes(failures))]
pub struct LockLost {
    resources: Resources,
    reason: LossReason,
    failures: Arc<[NodeFailure]>,
}

impl LockLost {
    pub(crate) fn new(
        resources: Resources,
        reason: LossReason,
        failures: Arc<[NodeFailure]>,
    ) -> Self {
        Self {
            resources,
            reason,
            failures,
        }
    }

    /// The resource that was locked; of several, the first in byte order.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        self.resources.first()
    }

    /// The resources that were locked, in byte order. All of them are lost.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        self.resources.as_slice()
    }

    /// The reason for the loss.
    #[must_use]
    pub fn reason(&self) -> LossReason {
        self.reason
    }

    /// The last failure of each node that did not confirm the lease any more: an error, no response
    /// in time, or the finding that it does not hold the keys.
    ///
    /// Empty if no extension failed, because none was sent: the process was paused, or
    /// [`auto_extend`](crate::LockRequest::auto_extend) is off. Also empty if no node caused the
    /// loss: [`MaxHold`](LossReason::MaxHold), [`Adopted`](LossReason::Adopted),
    /// [`Unlocked`](LossReason::Unlocked), [`ForceReleased`](LossReason::ForceReleased) and
    /// [`Shutdown`](LossReason::Shutdown).
    #[must_use]
    pub fn failures(&self) -> &[NodeFailure] {
        &self.failures
    }
}

/// The reason why a lock was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LossReason {
    /// The validity of the lease ended before a quorum of nodes extended it. Nodes were
    /// unreachable, the process was paused, the machine was suspended, or
    /// [`auto_extend`](crate::LockRequest::auto_extend) is off.
    #[error("its validity ended before a quorum of nodes extended it")]
    Expired,
    /// Fewer nodes than a quorum still have the key. It was released or adopted by another manager,
    /// deleted, or lost with the data of a node.
    #[error("fewer nodes than a quorum still hold it")]
    Gone,
    /// The lock was held for as long as [`max_hold`](crate::LockRequest::max_hold) allows.
    #[error("it was held for as long as max_hold allows")]
    MaxHold,
    /// The same manager has [adopted](crate::Redlock::adopt) the lease for another guard.
    #[error("another guard has adopted it")]
    Adopted,
    /// The same manager has released the lease by its id, with [`unlock`](crate::Redlock::unlock).
    #[error("it was released by its id")]
    Unlocked,
    /// The same manager has released the resource by force, with
    /// [`force_release`](crate::Redlock::force_release). A guard of another manager is lost as
    /// [`Gone`](Self::Gone).
    #[error("it was released by force")]
    ForceReleased,
    /// The manager was shut down, or the runtime that extended the lease has ended.
    #[error("its manager was shut down or its runtime has ended")]
    Shutdown,
    /// The guard was dropped or released. This ends what runs under the lock, but it is not a loss:
    /// [`lost`](crate::LockGuard::lost) does not complete.
    #[error("its guard was dropped or released")]
    Released,
    /// The guard was [detached](crate::LockGuard::detach). This ends what runs under the lock, but it
    /// is not a loss: [`lost`](crate::LockGuard::lost) does not complete.
    #[error("its guard was detached")]
    Detached,
}

impl LossReason {
    /// Whether the lease ended against the will of the holder.
    pub(crate) fn is_loss(self) -> bool {
        !matches!(self, Self::Released | Self::Detached)
    }
}
