//! Errors of acquiring a lock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::invalid::InvalidRequest;
use crate::error::lost::LockLost;
use crate::error::node::{Causes, NodeFailure};
use crate::error::quoted::quoted;
use crate::resource::Resource;

/// The reason why a lock was not acquired.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another owner holds the lock. Try again later, or do without it: nothing is wrong. From
    /// [`adopt`](crate::Redlock::adopt): others adopt the lease at the same time.
    #[error(
        "{resource}{} is {}",
        OrOthers(*others),
        Owner { holder: holder.as_deref(), busy: *busy, nodes: *nodes, is_minimum: *is_minimum, is_local: *is_local, remaining: *remaining }
    )]
    #[non_exhaustive]
    Busy {
        /// The requested resource; of several, the first in byte order.
        resource: Resource,
        /// The number of other resources in the same request. Another owner may hold any of them.
        others: u16,
        /// The time until the holder's lease ends if it is not extended. `None` if no end is known:
        /// the key has no expiry, or too few nodes have reported it.
        remaining: Option<Duration>,
        /// The number of nodes where another owner holds the lock. 0 if another task of this
        /// process requested it first, and its outcome is not known yet.
        busy: u16,
        /// Whether another owner may hold the lock on more nodes than `busy`: the outcome was certain
        /// before all nodes had responded, or some failed.
        is_minimum: bool,
        /// Whether a guard, or an earlier request, of the same manager is in the way. A task that
        /// requests a lock which it holds itself waits in vain. `false` if only the nodes know of
        /// the holder: another process, another manager, or a lease that was adopted.
        is_local: bool,
        /// The number of configured nodes.
        nodes: u16,
        /// The [label](crate::RedlockBuilder::label) of the holder. It is looked up only by a manager that
        /// has a label itself, and only for a single resource. Any text: `Display` escapes control
        /// characters.
        holder: Option<Arc<str>>,
    },

    /// Too few nodes responded to decide. Check the nodes in `failures`, or try again later.
    #[error(
        "no quorum: {granted} of {nodes} nodes granted, {needed} needed{}",
        Causes(failures)
    )]
    #[non_exhaustive]
    NoQuorum {
        /// The number of nodes that granted the lock in time. All of these grants are released.
        granted: u16,
        /// The number of grants that the acquisition needs.
        needed: u16,
        /// The number of configured nodes.
        nodes: u16,
        /// Each failed node, with its cause. Nodes that neither granted nor failed were busy.
        failures: Arc<[NodeFailure]>,
    },

    /// A quorum needs nodes that are in quarantine: they may have lost locks, by a restart, a failover
    /// or a flush. They have no vote until those locks have expired. Try again after `remaining`.
    /// [`nodes`](crate::Redlock::nodes) says what happened to each node. See
    /// [`restart_quarantine`](crate::RedlockBuilder::restart_quarantine).
    #[error(
        "nodes that may have lost locks are in quarantine for another {remaining:.1?}: try again then"
    )]
    #[non_exhaustive]
    Quarantined {
        /// The time until enough nodes have a vote again.
        remaining: Duration,
    },

    /// The key holds something that is not a lock: a list, for instance. It was left untouched. A
    /// string is a lock of [another owner](Self::Busy), even if it has no expiry. Choose another name,
    /// or set a
    /// [`key_prefix`](crate::RedlockBuilder::key_prefix).
    #[error(
        "the key of {resource}{} on {node} holds something that is not a lock: \
         choose another name, or set a key_prefix",
        OrOthers(*others)
    )]
    #[non_exhaustive]
    NotALock {
        /// The requested resource; of several, the first in byte order.
        resource: Resource,
        /// The number of other resources in the same request. The key may be that of any of them.
        others: u16,
        /// A node that has such a key.
        node: Arc<str>,
    },

    /// The lock was held and then lost. From [`adopt`](crate::Redlock::adopt): the lease was gone.
    #[error(transparent)]
    Lost(#[from] LockLost),

    /// There is no default manager: none is in scope, and none is installed for the process. Call
    /// [`install_global`](crate::Redlock::install_global), or name a manager.
    #[error("no default manager: call Redlock::install_global, or name a manager")]
    NoGlobal,

    /// The manager was shut down, and acquires no more locks.
    #[error("the manager was shut down")]
    Closed,

    /// The request is invalid. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
}

impl LockError {
    /// Whether another owner holds the lock.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Whether too few nodes could decide, or the manager was shut down.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::NoQuorum { .. } | Self::Quarantined { .. } | Self::Closed
        )
    }

    /// The time after which another attempt may succeed, if it is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { remaining, .. } => *remaining,
            Self::Quarantined { remaining } => Some(*remaining),
            _ => None,
        }
    }

    /// The [label](crate::RedlockBuilder::label) of the holder, if the lock is busy and the label was
    /// looked up.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        match self {
            Self::Busy { holder, .. } => holder.as_deref(),
            _ => None,
        }
    }

    /// The nodes that failed, with their causes.
    #[must_use]
    pub fn failures(&self) -> &[NodeFailure] {
        match self {
            Self::NoQuorum { failures, .. } => failures,
            Self::Lost(lost) => lost.failures(),
            _ => &[],
        }
    }
}

/// Displays the owner of a lock: where it is, on how many nodes, and for how long.
struct Owner<'a> {
    holder: Option<&'a str>,
    busy: u16,
    nodes: u16,
    is_minimum: bool,
    is_local: bool,
    remaining: Option<Duration>,
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.busy == 0 {
            return f.write_str("being acquired by another task of this process");
        }
        let owner = if self.is_local {
            "a guard of this process"
        } else {
            "another owner"
        };
        let least = if self.is_minimum { "at least " } else { "" };
        let (busy, nodes) = (self.busy, self.nodes);
        write!(f, "held by {owner} (")?;
        if let Some(holder) = self.holder {
            write!(f, "{}, ", quoted(holder))?;
        }
        write!(f, "on {least}{busy} of {nodes} nodes), ")?;
        match self.remaining {
            Some(left) => {
                let left = left.as_secs_f64();
                write!(f, "for at most {left:.1} s more unless it is extended")
            }
            None => f.write_str("with no known end"),
        }
    }
}

/// Displays, behind a resource, the number of other resources in the same request.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(busy: u16, is_minimum: bool, is_local: bool, remaining: Option<u64>) -> String {
        let error = LockError::Busy {
            resource: "a".into(),
            others: 0,
            remaining: remaining.map(Duration::from_millis),
            busy,
            is_minimum,
            is_local,
            nodes: 5,
            holder: None,
        };
        error.to_string()
    }

    #[test]
    fn the_label_of_the_holder_is_shown_in_one_line() {
        let error = LockError::Busy {
            resource: "a".into(),
            others: 0,
            remaining: None,
            busy: 3,
            is_minimum: false,
            is_local: false,
            nodes: 3,
            holder: Some("web\n1".into()),
        };
        assert_eq!(error.holder(), Some("web\n1"));
        assert_eq!(
            error.to_string(),
            "a is held by another owner (web\\n1, on 3 of 3 nodes), with no known end"
        );
    }

    #[test]
    fn a_busy_lock_says_where_and_for_how_long() {
        assert_eq!(
            shown(3, true, false, Some(29_740)),
            "a is held by another owner (on at least 3 of 5 nodes), for at most 29.7 s more unless \
             it is extended"
        );
        assert_eq!(
            shown(5, false, true, Some(40)),
            "a is held by a guard of this process (on 5 of 5 nodes), for at most 0.0 s more unless \
             it is extended"
        );
        assert_eq!(
            shown(5, false, false, None),
            "a is held by another owner (on 5 of 5 nodes), with no known end"
        );
        assert_eq!(
            shown(0, false, true, None),
            "a is being acquired by another task of this process"
        );
    }
}
