//! The end of a lease that nobody asked for.

use crate::resource::{Resource, Resources};

/// A lease ended while its guard was alive. It does not come back: stop the protected work, undo
/// or hand over what can be undone, and acquire again.
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

    /// What was locked; of several, the first in byte order.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        self.resources.first()
    }

    /// Everything that was locked, in byte order. All of it is lost.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        self.resources.as_slice()
    }

    /// Why the lease ended.
    #[must_use]
    pub fn reason(&self) -> LossReason {
        self.reason
    }
}

/// Why a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LossReason {
    /// The validity ended before a quorum of nodes extended it: nodes were unreachable, this
    /// process was paused or the machine suspended, or extension is off.
    #[error("its validity ended before a quorum of nodes extended it")]
    Expired,
    /// Fewer nodes than a quorum still hold the key: it was released by id, deleted, or lost with
    /// a node's data.
    #[error("fewer nodes than a quorum still hold it")]
    Gone,
    /// The lease was held for as long as `max_hold` allows.
    #[error("it was held for as long as max_hold allows")]
    MaxHold,
    /// The runtime that extended it has ended, or the manager was shut down.
    #[error("its manager was shut down or its runtime has ended")]
    Shutdown,
}
