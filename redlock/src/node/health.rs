//! Health reports of nodes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::node::facts::{ClockOffset, NodeDeployment, NodeRole, Persistence};

/// The health of one node, as reported by [`Redlock::nodes`](crate::Redlock::nodes).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeReport {
    /// The node's name: its address, without credentials.
    pub node: Arc<str>,
    /// Whether it can vote.
    pub health: NodeHealth,
    /// The smoothed time from sending a command to its response.
    pub round_trip: Option<Duration>,
    /// The server and its version, if the server reports them.
    pub server: Option<Arc<str>>,
    /// Whether the node notifies holders and waiters when a key changes.
    ///
    /// It does not if the user lacks the permission, if the connection does not use RESP3, or if a
    /// pool of the application makes the connections.
    pub notifies: bool,
    /// Whether the node hints waiters when it is their turn.
    ///
    /// It does not where [`notifies`](Self::notifies) is false, or if the user may not subscribe to
    /// channels. If too few nodes do, waiting requests poll.
    pub hints: bool,
    /// The role of the server, if it is known. A server that is refused shows why.
    pub role: Option<NodeRole>,
    /// What the server writes to disk, if it reports that.
    pub persistence: Option<Persistence>,
    /// The server's `maxmemory-policy`, if it reports that.
    pub eviction: Option<Arc<str>>,
    /// How long the server process has been running, if it reports that.
    pub uptime: Option<Duration>,
    /// The number of replicas that are connected to the server, if it reports that.
    pub replicas: Option<u32>,
    /// The id of the server process, if it reports that. Two nodes with the same one are one server.
    pub run_id: Option<Arc<str>>,
    /// The difference between the clock of the server and that of this process, at the latest
    /// connection.
    pub clock_offset: Option<ClockOffset>,
    /// The deployment that the node belongs to, if its record names one.
    pub deployment: Option<NodeDeployment>,
    /// The rules of the server's access control list that would allow what it has refused so far, such as
    /// `+config|get`. Most of these commands are optional: see
    /// [rights](crate::guide::operations#rights).
    pub missing_rights: Vec<Arc<str>>,
    /// Settings that weaken the lock.
    pub warnings: Vec<NodeWarning>,
}

impl NodeReport {
    /// Creates a report that contains only the health.
    #[must_use]
    pub fn new(node: Arc<str>, health: NodeHealth) -> Self {
        Self {
            node,
            health,
            round_trip: None,
            server: None,
            notifies: false,
            hints: false,
            role: None,
            persistence: None,
            eviction: None,
            uptime: None,
            replicas: None,
            run_id: None,
            clock_offset: None,
            deployment: None,
            missing_rights: Vec::new(),
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
    /// The node responds.
    Connected,
    /// The first connection is being established, or the node is being identified.
    Connecting,
    /// The node responds, but may have lost locks. It has no vote on new locks until those have
    /// expired; locks that are held are extended there. See
    /// [`restart_quarantine`](crate::RedlockBuilder::restart_quarantine).
    Quarantined {
        /// The time until it has a vote again.
        remaining: Duration,
        /// What happened to the node, as a sentence.
        cause: Arc<str>,
    },
    /// The node does not respond, or has no vote. The session reconnects in the background.
    Down(NodeError),
}

/// A server setting that weakens the lock. The node is used despite it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeWarning {
    /// The server may evict keys, including locks, when its memory is full. Set `maxmemory-policy
    /// noeviction`.
    Eviction(Arc<str>),
    /// A manager without [`restart_quarantine`](crate::RedlockBuilder::restart_quarantine) has used
    /// the node. It ignores quarantines, so they protect no lock. Set the option in all managers. The
    /// warning stays until the node has a
    /// [new record](crate::guide::operations#the-identity-record).
    QuarantineIgnored,
    /// This many replicas are connected to the server. Replication is asynchronous, so one that is
    /// promoted lacks the latest locks and token counters. It is in
    /// [quarantine](crate::RedlockBuilder::restart_quarantine) then, which protects the locks but not the
    /// order of the tokens. Use a master without replicas.
    Replicas(u32),
    /// The clocks of the node and of this process are more than a second apart, so one of them is not
    /// kept right. If it is that of the node, and it is set ahead, locks expire early. Run NTP on both
    /// machines.
    Clock(ClockOffset),
    /// The user may not run `INFO`. No setting could be checked, and the node is in quarantine after
    /// each new connection. Allow `+info`.
    Unverified,
}

impl fmt::Display for NodeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eviction(policy) => {
                write!(
                    f,
                    "maxmemory-policy is {policy}, so locks may be evicted: set it to noeviction"
                )
            }
            Self::QuarantineIgnored => f.write_str(
                "a manager without restart_quarantine uses the node: set it in all managers",
            ),
            Self::Replicas(count) => {
                let (verb, noun) = match count {
                    1 => ("is", "replica"),
                    _ => ("are", "replicas"),
                };
                write!(
                    f,
                    "{count} {noun} {verb} connected, and one that is promoted lacks the latest locks: \
                     use a master without replicas"
                )
            }
            Self::Clock(offset) => write!(
                f,
                "its clock differs from this machine's by {offset}, and locks expire early if it is \
                 set ahead: run NTP on both"
            ),
            Self::Unverified => {
                f.write_str("INFO is not permitted, so no setting could be checked: allow +info")
            }
        }
    }
}
