//! Notifications from the nodes, counted to a quorum.

use std::sync::Arc;

use crate::node::{Watch, Watcher};
use crate::quorum::{Quorum, Tally};
use crate::sync::Condition;

/// The nodes that may be free since the last round.
///
/// The next round is worth sending once they are a quorum. After the first notification, the other
/// nodes would still refuse, and contenders that each win some nodes would block each other.
#[derive(Debug)]
pub(crate) struct Wakeup {
    quorum: Quorum,
    state: Condition<State>,
}

#[derive(Debug)]
struct State {
    /// Whether each node may be free. Empty until the first notification, which most requests never
    /// get.
    free: Vec<bool>,
    /// Whether any node has pushed a notification since the last round.
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

    /// Returns the registration for the node at position `node`. It ends with this wake-up.
    pub(crate) fn watch(self: &Arc<Self>, node: usize) -> Watch {
        Watch::new(self, node)
    }

    /// Discards all notifications, before a new round.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.free.fill(false);
        state.was_notified = false;
    }

    /// Whether any node has pushed a notification since the last round.
    pub(crate) fn was_notified(&self) -> bool {
        self.state.lock().was_notified
    }

    /// Records a round that was lost: nodes that granted it are free again.
    pub(crate) fn record_round(&self, tally: &Tally) {
        let mut state = self.state.lock();
        state.free.resize(self.quorum.nodes(), false);
        for (node, is_free) in state.free.iter_mut().enumerate() {
            *is_free |= tally.get(node).may_be_free();
        }
    }

    /// Waits until a quorum of nodes may be free.
    ///
    /// Cancel safe: no notification is lost.
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
