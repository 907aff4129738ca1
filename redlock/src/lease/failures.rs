//! The last failure of each node, from its responses to extensions.

use std::sync::Arc;

use crate::error::{NodeError, NodeErrorKind, NodeFailure};
use crate::time::clock::Moment;

/// The last failure of each node, and the attempts that a quorum did not confirm.
#[derive(Debug)]
pub(super) struct Failures {
    /// Boxed, because most leases never have one.
    recorded: Option<Box<Recorded>>,
    /// When the latest extension that a quorum has confirmed was sent.
    confirmed: Moment,
    /// The number of attempts since that no quorum has confirmed.
    refused: u32,
}

#[derive(Debug, Default)]
struct Recorded {
    /// The last failure of each node.
    errors: Vec<Option<NodeError>>,
    /// The failures that led to the loss, once the lease is lost.
    causes: Option<Arc<[NodeFailure]>>,
}

impl Failures {
    /// Begins with an acquisition that was sent at `sent`.
    pub(super) fn new(sent: Moment) -> Self {
        Self {
            recorded: None,
            confirmed: sent,
            refused: 0,
        }
    }

    /// Records that a command failed on a node.
    pub(super) fn record(&mut self, node: usize, error: NodeError) {
        let errors = &mut self.recorded.get_or_insert_default().errors;
        if errors.len() <= node {
            errors.resize(node + 1, None);
        }
        errors[node] = Some(error);
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
        let errors = self.recorded.as_mut().map(|it| &mut it.errors);
        if let Some(error) = errors.and_then(|it| it.get_mut(node)) {
            *error = None;
        }
    }

    pub(super) fn get(&self, node: usize) -> Option<&NodeError> {
        self.recorded.as_ref()?.errors.get(node)?.as_ref()
    }

    /// Keeps the failures that lead to the loss of the lease.
    pub(super) fn set_causes(&mut self, causes: Arc<[NodeFailure]>) {
        self.recorded.get_or_insert_default().causes = Some(causes);
    }

    /// The failures that led to the loss, of which there may be none.
    pub(super) fn causes(&self) -> Arc<[NodeFailure]> {
        let causes = self.recorded.as_ref().and_then(|it| it.causes.clone());
        causes.unwrap_or_default()
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
