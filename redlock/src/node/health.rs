//! How a node is doing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;

/// How one node is doing, as [`Redlock::nodes`](crate::Redlock::nodes) tells it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeReport {
    /// The node's name: its address, without credentials.
    pub node: Arc<str>,
    /// Whether it can vote.
    pub health: NodeHealth,
    /// The smoothed time from sending a command to its answer.
    pub round_trip: Option<Duration>,
    /// The server and its version, where it tells.
    pub server: Option<Arc<str>>,
    /// Whether it tells those who wait when a lock may be free. Where too few nodes do, because of
    /// the user's rights, the protocol or a pool of the application, requests ask more often.
    pub notifies: bool,
    /// Settings that weaken the lock.
    pub warnings: Vec<NodeWarning>,
}

impl NodeReport {
    /// A report that knows nothing but the health.
    #[must_use]
    pub fn new(node: Arc<str>, health: NodeHealth) -> Self {
        Self {
            node,
            health,
            round_trip: None,
            server: None,
            notifies: false,
            warnings: Vec::new(),
        }
    }

    /// Whether the node can vote.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.health, NodeHealth::Connected)
    }
}

/// Whether a node can vote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeHealth {
    /// It answers.
    Connected,
    /// The first connection is being made.
    Connecting,
    /// It does not answer; a connection is attempted in the background.
    Down(NodeError),
}

/// A setting of a server that weakens the lock. Nothing is refused because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeWarning {
    /// The server may evict keys when memory is short, locks among them. Set `maxmemory-policy
    /// noeviction`.
    Eviction(Arc<str>),
    /// The server is a replica: it refuses writes, or repeats those of its master, which would
    /// then have two votes.
    Replica,
    /// The server does not tell about itself (`INFO` is forbidden), so nothing could be checked.
    Unverified,
}

impl fmt::Display for NodeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eviction(policy) => {
                write!(f, "maxmemory-policy is {policy}: locks may be evicted")
            }
            Self::Replica => f.write_str("the node is a replica"),
            Self::Unverified => f.write_str("INFO is forbidden: nothing could be checked"),
        }
    }
}
