//! Why a lock was not acquired.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::invalid::InvalidRequest;
use crate::error::lost::LockLost;
use crate::error::node::{Causes, NodeFailure};
use crate::resource::Resource;

/// Why a lock was not acquired.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else holds it. Try again later, or do without: nothing is wrong.
    #[error("{resource}{} is {}", OrOthers(*others), Owner(*busy, *nodes))]
    Busy {
        /// What was asked for; of several, the first in byte order.
        resource: Resource,
        /// The number of other resources that were asked for together with it: any of them may be
        /// what another owner has.
        others: u16,
        /// When the holder's lease ends if it is not extended, as far as the nodes told.
        remaining: Option<Duration>,
        /// The number of nodes where another owner has it; 0 if another task of this process was
        /// first to ask for it and has no answer yet.
        busy: u16,
        /// The number of configured nodes.
        nodes: u16,
    },

    /// Too few nodes could be reached to decide. Check the nodes that `failures` names.
    #[error(
        "no quorum: {granted} of {nodes} nodes granted, {needed} needed{}",
        Causes(failures)
    )]
    NoQuorum {
        /// The number of nodes that granted the lock, all released again.
        granted: u16,
        /// The number of grants a quorum needs.
        needed: u16,
        /// The number of configured nodes.
        nodes: u16,
        /// Every failed node, with its cause. Nodes that are in neither count were busy.
        failures: Arc<[NodeFailure]>,
    },

    /// The key holds something that is not a lock, which was left untouched. Choose another name,
    /// or set a key prefix.
    #[error(
        "the key of {resource}{} on {node} holds something that is not a lock",
        OrOthers(*others)
    )]
    NotALock {
        /// What was asked for; of several, the first in byte order.
        resource: Resource,
        /// The number of other resources that were asked for together with it: the key may be
        /// that of any of them.
        others: u16,
        /// A node where it was found.
        node: Arc<str>,
    },

    /// The lock was held and then lost. From [`adopt`](crate::Redlock::adopt): the lease was gone.
    #[error(transparent)]
    Lost(#[from] LockLost),

    /// No manager was named, none is in scope, and none is installed for the process.
    #[error("no manager: install one with Redlock::install_global, or name one")]
    NoGlobal,

    /// The manager was shut down.
    #[error("the manager was shut down")]
    Closed,

    /// The request makes no sense, and nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
}

impl LockError {
    /// Whether somebody else holds the lock.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Whether too few nodes could be reached to decide.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::NoQuorum { .. } | Self::Closed)
    }

    /// When another attempt may succeed, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { remaining, .. } => *remaining,
            _ => None,
        }
    }

    /// The nodes that failed, with their causes.
    #[must_use]
    pub fn failures(&self) -> &[NodeFailure] {
        match self {
            Self::NoQuorum { failures, .. } => failures,
            _ => &[],
        }
    }
}

/// Shows who has a lock: on how many of how many nodes.
struct Owner(u16, u16);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(0, _) => f.write_str("being acquired by another task of this process"),
            Self(busy, nodes) => write!(f, "held by another owner (on {busy} of {nodes} nodes)"),
        }
    }
}

/// Shows that the resource before it was asked for together with others.
struct OrOthers(u16);

impl fmt::Display for OrOthers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(" or another"),
            others => write!(f, " or one of {others} others"),
        }
    }
}
