//! The loss of a lock that was held.

use crate::resource::{Resource, Resources};

/// A lease ended while its guard was alive.
///
/// A lost lock does not come back. Stop the protected work, undo or hand over what it has done so
/// far, and request the lock again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lost the lock on {resources}: {reason}")]
pub struct LockLost {
    resources: Resources,
    reason: LossReason,
}

impl LockLost {
    pub(crate) fn new(resources: Resources, reason: LossReason) -> Self {
        Self { resources, reason }
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
    /// Fewer nodes than a quorum still have the key. It was released by id, deleted, or lost with
    /// the data of a node.
    #[error("fewer nodes than a quorum still hold it")]
    Gone,
    /// The lock was held for as long as [`max_hold`](crate::LockRequest::max_hold) allows.
    #[error("it was held for as long as max_hold allows")]
    MaxHold,
    /// The manager was shut down, or the runtime that extended the lease has ended.
    #[error("its manager was shut down or its runtime has ended")]
    Shutdown,
}
