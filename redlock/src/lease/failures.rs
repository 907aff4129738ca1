//! The last failure of each node, from its responses to extensions.

use crate::error::{NodeError, NodeErrorKind};
use crate::time::clock::Moment;

/// The last failure of each node, and the attempts that a quorum did not confirm.
#[derive(Debug)]
pub(super) struct Failures {
    /// Empty until the first failure: most leases never have one.
    errors: Vec<Option<NodeError>>,
    /// When the latest extension that a quorum has confirmed was sent.
    confirmed: Moment,
    /// The number of attempts since that no quorum has confirmed.
    refused: u32,
}

impl Failures {
    /// Begins with an acquisition that was sent at `sent`.
    pub(super) fn new(sent: Moment) -> Self {
        Self {
            errors: Vec::new(),
            confirmed: sent,
            refused: 0,
        }
    }

    /// Records that a command failed on a node.
    pub(super) fn record(&mut self, node: usize, error: NodeError) {
        if self.errors.len() <= node {
            self.errors.resize(node + 1, None);
        }
        self.errors[node] = Some(error);
    }

    /// Records that a node does not hold the keys.
    pub(super) fn record_not_held(&mut self, node: usize) {
        // A re-arm has found out more.
        let is_taken = |error: &NodeError| error.kind() == NodeErrorKind::Taken;
        if !self.get(node).is_some_and(is_taken) {
            self.record(node, NodeError::new(NodeErrorKind::NotHeld, ""));
        }
    }

    /// Discards the failure of a node that has confirmed the lease.
    pub(super) fn clear(&mut self, node: usize) {
        if let Some(error) = self.errors.get_mut(node) {
            *error = None;
        }
    }

    pub(super) fn get(&self, node: usize) -> Option<&NodeError> {
        self.errors.get(node)?.as_ref()
    }

    /// Records that a quorum has confirmed an extension that was sent at `sent`. Returns whether
    /// there was a warning about the refusals before it.
    pub(super) fn confirmed(&mut self, sent: Moment) -> bool {
        self.confirmed = self.confirmed.max(sent);
        std::mem::take(&mut self.refused) >= WARN_AT
    }

    /// Counts an attempt that was sent at `sent` as refused, unless a quorum has confirmed it or a
    /// later one. Returns the number of refused attempts in a row.
    pub(super) fn refused(&mut self, sent: Moment) -> Option<u32> {
        if self.confirmed >= sent {
            return None;
        }
        self.refused = self.refused.saturating_add(1);
        Some(self.refused)
    }
}

/// The number of refused attempts in a row at which a warning is logged.
pub(super) const WARN_AT: u32 = 2;
