//! What whoever waits for a lock hears of the nodes.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::node::{Watch, Watcher};
use crate::quorum::{Quorum, Tally};

/// The nodes that may have let go of the lock since they were last asked.
///
/// Once they are a quorum it is worth asking again: after the first of them, the others would
/// still refuse, and contenders that each get a part of the nodes keep each other from the lock.
#[derive(Debug)]
pub(crate) struct Waiter {
    quorum: Quorum,
    heard: Mutex<Heard>,
}

#[derive(Debug)]
struct Heard {
    /// By node: whether it may be free. Empty until something is heard: most hear nothing.
    free: Vec<bool>,
    /// Whether any node has told since they were last asked.
    is_told: bool,
    waker: Option<Waker>,
}

impl Waiter {
    /// Waits for a quorum of nodes.
    pub(crate) fn new(quorum: Quorum) -> Arc<Self> {
        Arc::new(Self {
            quorum,
            heard: Mutex::new(Heard {
                free: Vec::new(),
                is_told: false,
                waker: None,
            }),
        })
    }

    /// The way for the node at position `node` to be heard, for as long as this lives.
    pub(crate) fn watch(self: &Arc<Self>, node: usize) -> Watch {
        Watch::new(self, node)
    }

    /// Forgets what was heard: the nodes are about to be asked.
    pub(crate) fn forget(&self) {
        let mut heard = self.lock();
        heard.free.fill(false);
        heard.is_told = false;
    }

    /// Whether any node has told since they were last asked.
    pub(crate) fn is_told(&self) -> bool {
        self.lock().is_told
    }

    /// Learns from a round that was lost to others: what a node had granted is free again.
    pub(crate) fn learn(&self, tally: &Tally) {
        let mut heard = self.lock();
        heard.free.resize(self.quorum.nodes(), false);
        for (node, is_free) in heard.free.iter_mut().enumerate() {
            *is_free |= tally.get(node).may_be_free();
        }
    }

    /// Waits until a quorum of nodes may be free.
    ///
    /// Cancel safe: nothing that was heard is lost.
    pub(crate) async fn stirred(&self) {
        poll_fn(|cx| {
            let mut heard = self.lock();
            if heard.is_enough(self.quorum) {
                return Poll::Ready(());
            }
            heard.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn is_enough(&self, quorum: Quorum) -> bool {
        self.free.iter().filter(|free| **free).count() >= quorum.needed()
    }
}

impl Watcher for Waiter {
    fn stirred(&self, node: usize) {
        let waker = {
            let mut heard = self.lock();
            heard.free.resize(self.quorum.nodes(), false);
            heard.free[node] = true;
            heard.is_told = true;
            if heard.is_enough(self.quorum) {
                heard.waker.take()
            } else {
                None
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
