//! What whoever waits for a lock hears of the nodes.

use std::sync::Arc;

use crate::node::{Watch, Watcher};
use crate::quorum::{Quorum, Tally};
use crate::sync::Condition;

/// The nodes that may have let go of the lock since they were last asked.
///
/// Once they are a quorum it is worth asking again: after the first of them, the others would
/// still refuse, and contenders that each get a part of the nodes keep each other from the lock.
#[derive(Debug)]
pub(crate) struct Wakeup {
    quorum: Quorum,
    state: Condition<State>,
}

#[derive(Debug)]
struct State {
    /// By node: whether it may be free. Empty until something is heard: most hear nothing.
    free: Vec<bool>,
    /// Whether any node has told since they were last asked.
    was_notified: bool,
}

impl Wakeup {
    /// Waits for a quorum of nodes.
    pub(crate) fn new(quorum: Quorum) -> Arc<Self> {
        Arc::new(Self {
            quorum,
            state: Condition::new(State {
                free: Vec::new(),
                was_notified: false,
            }),
        })
    }

    /// The way for the node at position `node` to be heard, for as long as this lives.
    pub(crate) fn watch(self: &Arc<Self>, node: usize) -> Watch {
        Watch::new(self, node)
    }

    /// Forgets what was heard: the nodes are about to be asked.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.free.fill(false);
        state.was_notified = false;
    }

    /// Whether any node has told since they were last asked.
    pub(crate) fn was_notified(&self) -> bool {
        self.state.lock().was_notified
    }

    /// Learns from a round that was lost to others: what a node had granted is free again.
    pub(crate) fn record_round(&self, tally: &Tally) {
        let mut state = self.state.lock();
        state.free.resize(self.quorum.nodes(), false);
        for (node, is_free) in state.free.iter_mut().enumerate() {
            *is_free |= tally.get(node).may_be_free();
        }
    }

    /// Waits until a quorum of nodes may be free.
    ///
    /// Cancel safe: nothing that was heard is lost.
    pub(crate) async fn notified(&self) {
        let is_enough = |state: &State| state.is_enough(self.quorum);
        self.state.until(is_enough).await;
    }
}

impl State {
    fn is_enough(&self, quorum: Quorum) -> bool {
        self.free.iter().filter(|free| **free).count() >= quorum.needed()
    }
}

impl Watcher for Wakeup {
    fn key_changed(&self, node: usize) {
        let mut state = self.state.lock();
        state.free.resize(self.quorum.nodes(), false);
        state.free[node] = true;
        state.was_notified = true;
        if state.is_enough(self.quorum) {
            state.notify();
        }
    }
}
