//! Outcomes of extensions and releases, node by node.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock};

use crate::error::invalid::InvalidRequest;
use crate::error::lost::LockLost;
use crate::error::node::{Causes, NodeError, NodeFailure};
use crate::resource::Resource;

/// An error of [`LockGuard::extend`](crate::LockGuard::extend) and [`Redlock::extend`](crate::Redlock::extend).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtendError {
    /// The lock is lost. Stop the protected work.
    #[error(transparent)]
    Lost(#[from] LockLost),
    /// Too few nodes confirmed. The lock is still held until its deadline. Extension in the
    /// background, if it is on, continues to retry.
    #[error(
        "no quorum: {confirmed} of {nodes} nodes extended, {needed} needed{}",
        Causes(failures)
    )]
    #[non_exhaustive]
    NoQuorum {
        /// The number of nodes that extended the lease.
        confirmed: u16,
        /// The number of nodes that a quorum needs.
        needed: u16,
        /// The number of configured nodes.
        nodes: u16,
        /// Each failed node, with its cause.
        failures: Arc<[NodeFailure]>,
    },
    /// The manager was shut down. Nothing was sent. Only from
    /// [`Redlock::extend`](crate::Redlock::extend): a guard is lost then.
    #[error("the manager was shut down")]
    Closed,
    /// The ttl, or another part of the request, is invalid. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
}

/// The outcome of a release, node by node.
#[derive(Clone)]
pub struct Released {
    was_held: bool,
    outcomes: Arc<dyn ReleaseOutcomes>,
    /// Made on the first request for it: most callers do not look.
    nodes: OnceLock<Arc<[NodeRelease]>>,
}

/// The outcomes of a release, which do not change any more.
pub(crate) trait ReleaseOutcomes: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// The outcome at each node.
    fn nodes(&self) -> Arc<[NodeRelease]>;
}

impl Released {
    pub(crate) fn new(was_held: bool, outcomes: Arc<dyn ReleaseOutcomes>) -> Self {
        Self {
            was_held,
            outcomes,
            nodes: OnceLock::new(),
        }
    }

    /// Whether the lease was still held when it was released. A lease that had already ended is
    /// not an error.
    #[must_use]
    pub fn was_held(&self) -> bool {
        self.was_held
    }

    /// The outcome at each node, as far as it was known when a quorum had responded.
    #[must_use]
    pub fn nodes(&self) -> &[NodeRelease] {
        self.nodes.get_or_init(|| self.outcomes.nodes())
    }

    /// The number of nodes that have no key of the lease, as far as they confirmed it.
    fn confirmed(&self) -> usize {
        let is_open = |outcome: &ReleaseOutcome| {
            matches!(outcome, ReleaseOutcome::Pending | ReleaseOutcome::Failed(_))
        };
        let nodes = self.nodes().iter();
        nodes.filter(|it| !is_open(&it.outcome)).count()
    }

    /// The nodes that failed, with their causes.
    pub(crate) fn failures(&self) -> Vec<NodeFailure> {
        self.nodes()
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

impl PartialEq for Released {
    fn eq(&self, other: &Self) -> bool {
        self.was_held == other.was_held && self.nodes() == other.nodes()
    }
}

impl Eq for Released {}

impl fmt::Debug for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Released")
            .field("was_held", &self.was_held)
            .field("nodes", &self.nodes())
            .finish()
    }
}

/// The outcome of a release at one named node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRelease {
    node: Arc<str>,
    outcome: ReleaseOutcome,
}

impl NodeRelease {
    pub(crate) fn new(node: Arc<str>, outcome: ReleaseOutcome) -> Self {
        Self { node, outcome }
    }

    /// The name of the node: its address, without credentials.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The outcome at that node.
    #[must_use]
    pub fn outcome(&self) -> &ReleaseOutcome {
        &self.outcome
    }
}

/// The outcome of a release at one node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleaseOutcome {
    /// The node had the key, and deleted it.
    Deleted,
    /// The node had the key, and keeps it until the time of
    /// [`hold_at_least`](crate::LockRequest::hold_at_least) is over.
    Kept,
    /// The node did not have the key, or another owner has it.
    Absent,
    /// The key holds something that is not a lock. It was left untouched.
    NotALock,
    /// The node was not contacted, because it cannot have the key.
    NotContacted,
    /// The node had not responded yet. The release stays queued for it.
    Pending,
    /// The node failed.
    Failed(NodeError),
}

/// A release that no quorum of nodes confirmed.
///
/// There is nothing to do. The release stays queued for nodes that are down, and the ttl ends the
/// lock on those nodes.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "no quorum: {} of {} nodes confirmed the release{}: the ttl ends the lock on the others",
    .report.confirmed(),
    .report.nodes().len(),
    Causes(&.report.failures())
)]
pub struct ReleaseError {
    report: Released,
}

impl ReleaseError {
    pub(crate) fn new(report: Released) -> Self {
        Self { report }
    }

    /// The outcome at each node.
    #[must_use]
    pub fn report(&self) -> &Released {
        &self.report
    }
}

/// An error of [`Redlock::unlock`](crate::Redlock::unlock) and
/// [`Redlock::force_release`](crate::Redlock::force_release).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// Too few nodes confirmed the release. There is nothing to do: it stays queued for nodes that
    /// are down, and the ttl ends the lock on those nodes.
    #[error(
        "no quorum: {} of {} nodes confirmed the release{}: the ttl ends the lock on the others",
        .report.confirmed(),
        .report.nodes().len(),
        Causes(&.report.failures())
    )]
    NoQuorum {
        /// The outcome at each node.
        report: Released,
    },
    /// The key holds something that is not a lock: a list, for instance. It was left untouched. Only
    /// from [`force_release`](crate::Redlock::force_release). Choose another name, or set a
    /// [`key_prefix`](crate::RedlockBuilder::key_prefix).
    #[error(
        "the key of {resource} on {node} holds something that is not a lock: it was left untouched"
    )]
    #[non_exhaustive]
    NotALock {
        /// The resource.
        resource: Resource,
        /// A node that has such a key.
        node: Arc<str>,
    },
    /// The manager was shut down. Nothing was sent.
    #[error("the manager was shut down")]
    Closed,
    /// The request is invalid. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
}

impl fmt::Display for ReleaseOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => f.write_str("deleted"),
            Self::Kept => f.write_str("kept"),
            Self::Absent => f.write_str("not held"),
            Self::NotALock => f.write_str("not a lock"),
            Self::NotContacted => f.write_str("not contacted"),
            Self::Pending => f.write_str("no response yet"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}
