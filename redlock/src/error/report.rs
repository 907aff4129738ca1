//! What became of an extension or a release, node by node.

use std::fmt;
use std::sync::Arc;

use crate::error::invalid::InvalidRequest;
use crate::error::lost::LockLost;
use crate::error::node::{Causes, NodeError, NodeFailure};

/// Why a lease was not extended by [`LockGuard::extend`](crate::LockGuard::extend).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtendError {
    /// The lease is gone.
    #[error(transparent)]
    Lost(#[from] LockLost),
    /// Too few nodes confirmed. The lease is still held until its deadline, and extension in the
    /// background, where it is on, goes on trying.
    #[error(
        "no quorum: {confirmed} of {nodes} nodes extended, {needed} needed{}",
        Causes(failures)
    )]
    NoQuorum {
        /// The number of nodes that extended the lease.
        confirmed: u16,
        /// The number a quorum needs.
        needed: u16,
        /// The number of configured nodes.
        nodes: u16,
        /// Every failed node, with its cause.
        failures: Arc<[NodeFailure]>,
    },
    /// The ttl makes no sense, and nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
}

/// What a release found, node by node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    was_held: bool,
    nodes: Arc<[NodeRelease]>,
}

impl Released {
    pub(crate) fn new(was_held: bool, nodes: Arc<[NodeRelease]>) -> Self {
        Self { was_held, nodes }
    }

    /// Whether the lease was still held when the release was asked for. A lease that had already
    /// ended is information, not an error.
    #[must_use]
    pub fn was_held(&self) -> bool {
        self.was_held
    }

    /// What each node said, as far as known when a quorum had answered.
    #[must_use]
    pub fn nodes(&self) -> &[NodeRelease] {
        &self.nodes
    }

    /// The nodes that failed, with their causes.
    pub(crate) fn failures(&self) -> Vec<NodeFailure> {
        self.nodes
            .iter()
            .filter_map(|node| match &node.outcome {
                ReleaseOutcome::Failed(error) => {
                    Some(NodeFailure::new(Arc::clone(&node.node), error.clone()))
                }
                _ => None,
            })
            .collect()
    }
}

/// What one node said to a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRelease {
    node: Arc<str>,
    outcome: ReleaseOutcome,
}

impl NodeRelease {
    pub(crate) fn new(node: Arc<str>, outcome: ReleaseOutcome) -> Self {
        Self { node, outcome }
    }

    /// The node's name: its address, without credentials.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// What it said.
    #[must_use]
    pub fn outcome(&self) -> &ReleaseOutcome {
        &self.outcome
    }
}

/// The outcome of a release at one node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleaseOutcome {
    /// The key was there and is deleted.
    Deleted,
    /// The key was there and stays until the time of
    /// [`hold_at_least`](crate::LockRequest::hold_at_least) is over.
    Kept,
    /// The key was not there, or is somebody else's.
    Absent,
    /// Not asked, because the key cannot be there.
    NotAsked,
    /// No answer yet when the report was made. The release stays queued for that node.
    Pending,
    /// The node failed.
    Failed(NodeError),
}

/// A release that no quorum of nodes confirmed. It stays queued for the nodes that are down, and
/// the ttl ends the lease there in any case.
#[derive(Clone, Debug, thiserror::Error)]
#[error("release was not confirmed by a quorum{}", Causes(&.report.failures()))]
pub struct ReleaseError {
    report: Released,
}

impl ReleaseError {
    pub(crate) fn new(report: Released) -> Self {
        Self { report }
    }

    /// What the nodes said.
    #[must_use]
    pub fn report(&self) -> &Released {
        &self.report
    }
}

/// Why [`Redlock::unlock`](crate::Redlock::unlock) is not sure of having released a lease.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// Too few nodes answered; the report tells which.
    #[error("release was not confirmed by a quorum{}", Causes(&.report.failures()))]
    NoQuorum {
        /// What the nodes said.
        report: Released,
    },
    /// The manager was shut down.
    #[error("the manager was shut down")]
    Closed,
    /// The request makes no sense, and nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
}

impl fmt::Display for ReleaseOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => f.write_str("deleted"),
            Self::Kept => f.write_str("kept"),
            Self::Absent => f.write_str("not held"),
            Self::NotAsked => f.write_str("not asked"),
            Self::Pending => f.write_str("no answer yet"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}
