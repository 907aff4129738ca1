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
pub(crate) struct Waiter {
    quorum: Quorum,
    heard: Condition<Heard>,
}

#[derive(Debug)]
struct Heard {
    /// By node: whether it may be free. Empty until something is heard: most hear nothing.
    free: Vec<bool>,
    /// Whether any node has told since they were last asked.
    is_told: bool,
}

impl Waiter {
    /// Waits for a quorum of nodes.
    pub(crate) fn new(quorum: Quorum) -> Arc<Self> {
        Arc::new(Self {
            quorum,
            heard: Condition::new(Heard {
                free: Vec::new(),
                is_told: false,
            }),
        })
    }

    /// The way for the node at position `node` to be heard, for as long as this lives.
    pub(crate) fn watch(self: &Arc<Self>, node: usize) -> Watch {
        Watch::new(self, node)
    }

    /// Forgets what was heard: the nodes are about to be asked.
    pub(crate) fn forget(&self) {
        let mut heard = self.heard.lock();
        heard.free.fill(false);
        heard.is_told = false;
    }

    /// Whether any node has told since they were last asked.
    pub(crate) fn is_told(&self) -> bool {
        self.heard.lock().is_told
    }

    /// Learns from a round that was lost to others: what a node had granted is free again.
    pub(crate) fn learn(&self, tally: &Tally) {
        let mut heard = self.heard.lock();
        heard.free.resize(self.quorum.nodes(), false);
        for (node, is_free) in heard.free.iter_mut().enumerate() {
            *is_free |= tally.get(node).may_be_free();
        }
    }

    /// Waits until a quorum of nodes may be free.
    ///
    /// Cancel safe: nothing that was heard is lost.
    pub(crate) async fn stirred(&self) {
        let is_enough = |heard: &Heard| heard.is_enough(self.quorum);
        self.heard.until(is_enough).await;
    }
}

impl Heard {
    fn is_enough(&self, quorum: Quorum) -> bool {
        self.free.iter().filter(|free| **free).count() >= quorum.needed()
    }
}

impl Watcher for Waiter {
    fn stirred(&self, node: usize) {
        let mut heard = self.heard.lock();
        heard.free.resize(self.quorum.nodes(), false);
        heard.free[node] = true;
        heard.is_told = true;
        if heard.is_enough(self.quorum) {
            heard.notify();
        }
    }
}
