//! Signals of the nodes to a contender, since its last round.

use crate::quorum::Quorum;
use crate::time::clock::Moment;

/// What a contender has learnt from the nodes since its last round.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Empty until the first refusal or signal. Most requests never get one.
    pub(super) nodes: Vec<NodeSignals>,
    /// The smallest number of waiters ahead of it that a node has reported in the last round.
    pub(super) rank: Option<u32>,
    /// The end of the holder's lease, as the looks since the last round have seen it.
    pub(super) ends: Option<Moment>,
    /// Whether that end was not signalled yet.
    pub(super) is_end_new: bool,
    /// Whether the contender has won or given up.
    pub(super) is_over: bool,
    /// The number of rounds so far.
    pub(super) round: u32,
}

/// What a contender knows about one node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodeSignals {
    /// Whether it is, or may be, on the node's waiting list.
    pub(super) is_listed: bool,
    /// Whether the node owes the vote of the last round.
    pub(super) is_asked: bool,
    /// Whether the release of the last round puts it on the list, behind the vote.
    pub(super) is_requeued: bool,
    /// Whether a key was in its way in the last round.
    pub(super) is_busy: bool,
    /// Whether the node has hinted it since the last round.
    pub(super) is_hinted: bool,
    /// Whether a key has changed since the last look.
    pub(super) has_changed: bool,
    pub(super) sight: Sighted,
}

/// What the last look at a node has seen, since the last round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sighted {
    #[default]
    Never,
    /// A look was sent.
    Due,
    Held,
    Free,
}

/// A signal that ends a wait, or calls for a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// A quorum of nodes is free, or probably will be soon: send the next round.
    Turn,
    /// The same, although only a minority of nodes has hinted it.
    EarlyTurn,
    /// Keys may have changed at these nodes: look there.
    Look(Vec<usize>),
    /// A look has seen a lease that ends later than was known.
    Held,
}

impl Signals {
    pub(super) fn node(&mut self, node: usize, quorum: Quorum) -> &mut NodeSignals {
        self.nodes.resize(quorum.nodes(), NodeSignals::default());
        &mut self.nodes[node]
    }

    pub(super) fn is_listed(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.is_listed)
    }

    pub(super) fn has_hint(&self) -> bool {
        self.nodes.iter().any(|node| node.is_hinted)
    }

    /// Returns the signal that needs no patience, if there is one.
    pub(super) fn certain_signal(&self, quorum: Quorum) -> Option<Signal> {
        let may_grant = self.nodes.iter().filter(|node| node.may_grant()).count();
        if may_grant >= quorum.needed() {
            return Some(Signal::Turn);
        }
        // Keys that are gone from some nodes may be gone from all, or only from these.
        let is_partly_free = self.nodes.iter().any(|node| node.sight == Sighted::Free);
        let is_due =
            |node: &NodeSignals| node.has_changed || is_partly_free && node.sight == Sighted::Never;
        let nodes = self.nodes.iter().enumerate();
        let due = nodes.filter(|(_, node)| is_due(node));
        let due: Vec<usize> = due.map(|(index, _)| index).collect();
        if !due.is_empty() {
            return Some(Signal::Look(due));
        }
        self.is_end_new.then_some(Signal::Held)
    }

    /// Records that a signal was returned.
    pub(super) fn taken(&mut self, signal: &Signal) {
        match signal {
            Signal::Turn | Signal::EarlyTurn => {}
            Signal::Look(nodes) => {
                for node in nodes {
                    self.nodes[*node].has_changed = false;
                    self.nodes[*node].sight = Sighted::Due;
                }
            }
            Signal::Held => self.is_end_new = false,
        }
    }
}

impl NodeSignals {
    fn may_grant(&self) -> bool {
        self.is_hinted || self.sight == Sighted::Free
    }
}
