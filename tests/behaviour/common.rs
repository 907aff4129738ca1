//! Managers over nodes in memory, and helpers for paused time.

use std::time::Duration;

use redlock::node::Moment;
use redlock::{MemoryNode, Redlock};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The default ttl.
pub(crate) const TTL: Duration = Duration::from_secs(30);

/// The node timeout that belongs to [`TTL`]: a twentieth of it, at most 1 s.
pub(crate) const NODE_TIMEOUT: Duration = SECOND;

pub(crate) fn cluster<const N: usize>() -> ([MemoryNode; N], Redlock) {
    let nodes = MemoryNode::cluster();
    let redlock = manager(&nodes);
    (nodes, redlock)
}

/// Returns a manager of its own over these nodes, as another process would have.
pub(crate) fn manager(nodes: &[MemoryNode]) -> Redlock {
    Redlock::builder()
        .nodes(nodes.iter().cloned())
        .build()
        .unwrap()
}

/// Returns a manager of its own over these nodes, for tests in which nodes lose data and are used
/// again at once.
pub(crate) fn manager_without_quarantine(nodes: &[MemoryNode]) -> Redlock {
    Redlock::builder()
        .nodes(nodes.iter().cloned())
        .restart_quarantine(false)
        .build()
        .unwrap()
}

/// Counts the nodes that hold a key.
pub(crate) fn holding(nodes: &[MemoryNode]) -> usize {
    nodes.iter().filter(|node| !node.is_empty()).count()
}

/// Runs every task that is ready. Time does not pass.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A stopwatch for paused time.
pub(crate) struct Stopwatch(Moment);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Moment::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Moment::now().saturating_since(self.0)
    }
}
