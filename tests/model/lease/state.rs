//! A state of the model: nodes, and managers with at most one lease each.

use stateright::Representative;

use super::manager::{Manager, Phase};
use super::node::{Lock, Node};
use super::record::Ticks;
use super::rules::QUORUM;
use crate::state::NODES;

/// The number of managers that a state has room for. A search uses two of them, or all.
pub(crate) const MANAGERS: usize = 3;

/// A state of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) nodes: [Node; NODES],
    pub(crate) managers: [Manager; MANAGERS],
    /// The number of flushes so far.
    pub(crate) flushes: u8,
    /// The number of restarts so far.
    pub(crate) restarts: u8,
}

impl State {
    /// Returns how long a manager may believe that it holds the lock.
    pub(crate) fn deadline(&self, manager: usize) -> Ticks {
        if self.managers[manager].phase != Phase::Held {
            return 0;
        }
        let mut holds = self.nodes.map(|node| node.links[manager].hold);
        holds.sort_unstable();
        holds[NODES - QUORUM]
    }

    /// Returns how many nodes other than `node` hold the lease of a manager for at least `ticks`.
    pub(crate) fn others(&self, manager: usize, node: usize, ticks: Ticks) -> usize {
        let holds = self
            .nodes
            .iter()
            .map(|it| it.links[manager].hold)
            .enumerate();
        holds
            .filter(|(other, hold)| *other != node && *hold >= ticks)
            .count()
    }

    /// Returns how many nodes hold the lease of a manager, as it knows.
    pub(crate) fn held(&self, manager: usize) -> usize {
        self.others(manager, NODES, 1)
    }

    /// Ends a lease or a round, with everything of it that is in flight or on a node.
    pub(crate) fn drop_lease(&mut self, manager: usize) {
        self.managers[manager].phase = Phase::Idle;
        for node in &mut self.nodes {
            node.links[manager].drop_lease();
            node.lock = node.lock.filter(|lock: &Lock| lock.owner != manager);
        }
    }

    /// Turns a round with enough grants into a lease, and ends a lease without a quorum.
    pub(crate) fn settle(&mut self, manager: usize) {
        let is_quorum = self.held(manager) >= QUORUM;
        match self.managers[manager].phase {
            Phase::Asking { .. } if is_quorum => self.managers[manager].phase = Phase::Held,
            Phase::Held if !is_quorum => self.drop_lease(manager),
            _ => {}
        }
    }

    /// Advances every clock.
    pub(crate) fn tick(&mut self, round: Ticks) {
        for node in &mut self.nodes {
            node.tick();
        }
        for manager in 0..MANAGERS {
            if let Phase::Asking { age } = &mut self.managers[manager].phase {
                *age += 1;
                if *age > round {
                    self.drop_lease(manager);
                }
            }
            self.settle(manager);
        }
    }
}

/// Nodes are interchangeable: states that differ only in their order are equivalent.
impl Representative for State {
    fn representative(&self) -> Self {
        let mut state = *self;
        state.nodes.sort_unstable();
        state
    }
}
