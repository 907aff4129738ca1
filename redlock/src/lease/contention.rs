//! The contention that an acquire reports to a node.

use std::sync::Arc;

use crate::node::Waiter;
use crate::time::clock::Moment;
use crate::waiting::wakeup::Wakeup;

/// What an acquire says about contention.
#[derive(Clone, Debug)]
pub(crate) struct Contention {
    /// Whether other processes are known to contend.
    pub(crate) is_contended: bool,
    /// The contender, if it goes on waiting when the round is lost.
    pub(crate) wakeup: Option<Arc<Wakeup>>,
    /// The moment at which the acquire is sent.
    pub(crate) now: Moment,
}

impl Contention {
    /// Returns the contention of an acquire, which is sent at `now`, without a contender.
    pub(super) fn none(now: Moment) -> Self {
        Self {
            is_contended: false,
            wakeup: None,
            now,
        }
    }

    /// Returns the contender as the waiting lists know it.
    pub(super) fn waiter(&self) -> Option<Waiter> {
        let wakeup = self.wakeup.as_ref();
        wakeup.map(|wakeup| wakeup.waiter(0, self.now))
    }
}
