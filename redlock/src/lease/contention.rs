//! The contention that an acquire reports to a node.

use std::sync::Arc;

use crate::node::Waiter;
use crate::waiting::wakeup::Wakeup;

/// What an acquire says about contention.
#[derive(Clone, Debug, Default)]
pub(super) struct Contention {
    /// Whether other processes are known to contend.
    pub(super) is_contended: bool,
    /// The contender, if it goes on waiting when the round is lost.
    pub(super) wakeup: Option<Arc<Wakeup>>,
}

impl Contention {
    /// Returns the contender as the waiting list of a node knows it.
    pub(super) fn waiter(&self, node: usize) -> Option<Waiter> {
        self.wakeup.as_ref().map(|wakeup| wakeup.waiter(node))
    }
}
