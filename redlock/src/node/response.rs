//! Responses of a node, one type per command.

use std::sync::Arc;
use std::time::Duration;

use crate::lease_id::LeaseId;

/// A node's answer to [`Acquire`](crate::node::Acquire).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vote {
    /// The key was not there and is now ours.
    Granted {
        /// What became of the counter, where it was asked for.
        stamp: Option<Stamp>,
    },
    /// Somebody else has it.
    Busy {
        /// The time until it expires; `None` if it never does. Of several keys, that of the one
        /// which is there longest.
        remaining: Option<Duration>,
        /// Where the counter is, if the node told. Of several, the largest.
        counter: Option<u64>,
    },
    /// The key holds something that is no lock.
    NotALock,
}

/// Where a node's counter is after a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the counter was moved or it was not"
)]
pub enum Stamp {
    /// This command moved it to exactly this value.
    Moved(u64),
    /// It is at this value or beyond, and this command did not move it.
    Beyond(u64),
}

/// A node's answer to [`Extend`](crate::node::Extend).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a key is ours or it is not")]
pub enum Extension {
    /// The key is ours and stays for at least the ttl.
    Confirmed,
    /// The key is not there, or not ours.
    NotHeld,
}

/// A node's answer to [`Raise`](crate::node::Raise).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the counter was moved or it was not"
)]
pub enum Raised {
    /// This command moved the counter to the token.
    Moved,
    /// It is at this value, at the token or beyond, and was left there.
    Beyond(u64),
    /// The key is not there, or not ours.
    NotHeld,
}

/// A node's answer to [`Release`](crate::node::Release).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a key was ours or it was not")]
pub enum Removal {
    /// The key was ours and is deleted, or will be when it is no longer to be kept.
    Deleted,
    /// The key was not there, or not ours.
    Absent,
}

/// A node's answer to [`Inspect`](crate::node::Inspect).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// What is under the key, if it is there.
    pub record: Option<Record>,
    /// Where the resource's counter is, if there is one.
    pub counter: Option<u64>,
}

impl Snapshot {
    /// What was found under the key and in its counter.
    #[must_use]
    pub fn new(record: Option<Record>, counter: Option<u64>) -> Self {
        Self { record, counter }
    }
}

/// What is under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Who has it; `None` if the value is no lease id: another type, or not text.
    pub id: Option<LeaseId>,
    /// The time until it expires; `None` if it never does.
    pub remaining: Option<Duration>,
}

impl Record {
    /// A key that expires after `remaining`.
    #[must_use]
    pub fn new(id: Option<LeaseId>, remaining: Option<Duration>) -> Self {
        Self { id, remaining }
    }
}

/// A node's answer to [`Ping`](crate::node::Ping).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// What tells this server process from every other one, where the node tells.
    pub run_id: Option<Arc<str>>,
}

impl Identity {
    /// Sets what tells this server process from every other one.
    #[must_use]
    pub fn run_id(mut self, run_id: impl Into<Option<Arc<str>>>) -> Self {
        self.run_id = run_id.into();
        self
    }
}
