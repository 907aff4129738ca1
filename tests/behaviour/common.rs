//! A manager and the nodes under it.

use std::time::Duration;

use redlock::node::Moment;
use redlock::{MemoryNode, Redlock};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The default ttl.
pub(crate) const TTL: Duration = Duration::from_secs(30);

/// The node timeout that goes with it: a twentieth, at most a second.
pub(crate) const NODE_TIMEOUT: Duration = SECOND;

pub(crate) fn cluster<const N: usize>() -> ([MemoryNode; N], Redlock) {
    let nodes = MemoryNode::cluster();
    let redlock = manager(&nodes);
    (nodes, redlock)
}

/// A manager over these nodes, as another process would have.
pub(crate) fn manager(nodes: &[MemoryNode]) -> Redlock {
    Redlock::builder()
        .nodes(nodes.iter().cloned())
        .build()
        .unwrap()
}

/// The number of nodes that have a key.
pub(crate) fn holding(nodes: &[MemoryNode]) -> usize {
    nodes.iter().filter(|node| !node.is_empty()).count()
}

/// Lets everything that is ready run, without letting time pass.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Measures paused time.
pub(crate) struct Watch(Moment);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(Moment::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Moment::now().saturating_since(self.0)
    }
}
