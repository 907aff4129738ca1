//! An acquire that waits for the standing of its node.

use std::sync::Arc;

/// An acquire that waits until its node is identified.
pub(crate) trait Applicant: Send + Sync {
    /// Called once the node has been identified. Called without a lock; may submit commands.
    fn decided(self: Arc<Self>, node: usize);

    /// Whether the acquire should still be sent. Must not lock.
    fn is_wanted(&self) -> bool;
}
