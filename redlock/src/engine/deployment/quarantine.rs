//! A quarantine of one node, as this manager counts it.

use std::time::Duration;

use crate::engine::deployment::standing::Cause;
use crate::time::clock::Moment;

/// A quarantine, counted by our own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quarantine {
    /// The end by the node's clock, which distinguishes one loss from the next.
    pub(super) until: u64,
    pub(super) cause: Cause,
    /// When this manager first saw it: the loss was earlier.
    pub(super) began: Moment,
    pub(super) ends: Moment,
    /// The latest end: a longest ttl after this manager first saw it.
    pub(super) limit: Moment,
}

impl Quarantine {
    /// Moves the end on the node's clock from `from` to `to`. Returns `false` if it ends otherwise.
    pub(super) fn lengthen(&mut self, from: u64, to: u64) -> bool {
        if self.until != from || to <= from {
            return false;
        }
        let (limit, more) = (self.limit, Duration::from_millis(to - from));
        self.until = to;
        self.limit = limit.saturating_add(more);
        true
    }
}
