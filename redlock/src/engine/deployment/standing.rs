//! The standing of each node: whether it has a vote, and if not, why.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::error::{NodeError, NodeErrorKind};
use crate::node::{NodeHealth, RecordCheck};
use crate::quorum::per_node::PerNode;
use crate::time::clock::Moment;
use crate::time::validity;

/// Whether a node has a vote.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// The node is being identified, or its deployment is being formed. Acquires wait.
    Pending,
    /// The node has no connection. Its session fails commands with the cause.
    Down,
    /// The node has a vote.
    Admitted(Admission),
    /// The node may have lost locks, and has no vote until this moment.
    Quarantined(Moment, Cause),
    /// The node has no vote.
    Refused(NodeError),
}

/// The reason for a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The process is another one, and may not have all the data of the former.
    Restarted,
    /// The process was seen before, and another one in between.
    Returned,
    /// The node has no record, and other nodes have.
    DataLost,
    /// The node has no record, and not all others could be reached.
    MayBeLost,
    /// `INFO` or the record cannot be read.
    Unverified,
    /// This manager came back to a deployment that was formed anew.
    Replaced,
    /// Another manager put it in quarantine.
    Reported,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restarted => "it was restarted and may have lost locks",
            Self::Returned => {
                "its address has led to another server meanwhile, so it may lack locks"
            }
            Self::DataLost => "it has lost its data",
            Self::MayBeLost => {
                "it has no identity record, and not all other nodes respond, so it may have lost \
                 its data"
            }
            Self::Unverified => {
                "its INFO or its identity record cannot be read, so it may have lost locks"
            }
            Self::Replaced => "its deployment was formed anew",
            Self::Reported => "it may have lost locks, as another manager has found",
        })
    }
}

/// A loss of data for which a node is in quarantine, so that no lock was granted there since.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    /// A moment after the loss.
    pub(crate) began: Moment,
    /// The record that shows the quarantine, once it was written.
    pub(crate) check: Option<Arc<RecordCheck>>,
}

/// The entitlement to send an acquire to a node, and to count its grant.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    /// The version of the node's record.
    pub(crate) version: Version,
    /// The record that the acquire must find, where the node does not push invalidations.
    pub(crate) check: Option<Arc<RecordCheck>>,
}

/// The version of a node's record, as far as this manager knows. It changes with every connection
/// and every invalidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(u64);

impl Version {
    /// The version of no record. A grant on it never counts.
    pub(crate) const NONE: Self = Self(0);
    /// The version on which grants always count: the manager ignores quarantines.
    const ANY: Self = Self(u64::MAX);

    pub(super) fn new(number: u64) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }
}

/// A version that is set by one thread and read by another. Each lease has one for each node, of half
/// the size.
#[derive(Debug)]
pub(crate) struct AtomicVersion(AtomicU32);

impl AtomicVersion {
    /// Returns the versions of `nodes` nodes, [`NONE`](Version::NONE) for each.
    pub(crate) fn none(nodes: usize) -> PerNode<Self> {
        PerNode::new(nodes, || Self(AtomicU32::new(0)))
    }

    pub(crate) fn set(&self, version: Version) {
        let short = match version {
            Version::ANY => u32::MAX,
            // One that is too large is none, on which no grant counts.
            Version(number) => u32::try_from(number).unwrap_or(0) % u32::MAX,
        };
        self.0.store(short, Ordering::Release);
    }

    pub(crate) fn get(&self) -> Version {
        match self.0.load(Ordering::Acquire) {
            u32::MAX => Version::ANY,
            short => Version(short.into()),
        }
    }
}

impl Standing {
    /// The standing of a node of a manager that ignores quarantines.
    pub(super) fn unconditional() -> Self {
        Self::Admitted(Admission {
            version: Version::ANY,
            check: None,
        })
    }

    /// The error of an acquire that is not sent.
    pub(crate) fn refusal(&self) -> Option<NodeError> {
        match self {
            Self::Refused(error) => Some(error.clone()),
            Self::Quarantined(until, cause) => {
                let left = validity::remaining(*until, Moment::now());
                let text = format!("{cause}, so it has no vote for another {left:.1?}");
                Some(NodeError::unsent(NodeErrorKind::Quarantined, text))
            }
            Self::Pending | Self::Down | Self::Admitted(_) => None,
        }
    }

    /// The health of a node that is connected.
    pub(crate) fn health(&self) -> NodeHealth {
        match self {
            Self::Pending => NodeHealth::Connecting,
            Self::Refused(error) => NodeHealth::Down(error.clone()),
            Self::Quarantined(until, cause) => NodeHealth::Quarantined {
                remaining: validity::remaining(*until, Moment::now()),
                cause: cause.to_string().into(),
            },
            Self::Down | Self::Admitted(_) => NodeHealth::Connected,
        }
    }

    /// Whether this is a quarantine that has ended.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        matches!(self, Self::Quarantined(until, _) if *until <= now)
    }

    /// Whether the node is another name of a server, or part of another deployment.
    pub(crate) fn is_misplaced(&self) -> bool {
        matches!(self, Self::Refused(error) if error.kind() == NodeErrorKind::Misplaced)
    }

    /// Whether both are of the same kind.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    pub(crate) fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted(_))
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(self, Self::Pending)
    }
}

/// The current version of each node's record. Read for every grant, without a lock.
#[derive(Debug)]
pub(super) struct Versions(Box<[AtomicU64]>);

impl Versions {
    pub(super) fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| AtomicU64::new(1)).collect())
    }

    pub(super) fn get(&self, node: usize) -> u64 {
        self.0[node].load(Ordering::SeqCst)
    }

    /// Records that the record may have changed.
    pub(super) fn advance(&self, node: usize) {
        self.0[node].fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a grant that was requested under `version` counts.
    pub(super) fn is_current(&self, node: usize, version: Version) -> bool {
        version == Version::ANY || version == Version(self.get(node))
    }
}
