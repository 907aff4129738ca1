//! Responses of a node, one type per command.

use std::sync::Arc;
use std::time::Duration;

use crate::lease_id::LeaseId;

/// A node's response to [`Acquire`](crate::node::Acquire).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vote {
    /// No key existed, and all are now ours.
    Granted {
        /// The counter after the grant, if the acquire has a [`Fence`](crate::node::Fence).
        stamp: Option<Stamp>,
    },
    /// Another lease holds a key, or it is another waiter's turn.
    Busy {
        /// The time until the key expires, or `None` if it never does. With several keys, the
        /// longest of their times.
        remaining: Option<Duration>,
        /// The counter, if the node reported it. With several keys, the largest.
        counter: Option<u64>,
        /// The number of waiters ahead, if the [waiter](crate::node::Acquire::waiter) is on the
        /// node's waiting list now.
        rank: Option<u32>,
    },
    /// A key holds a value of another type, which is not a lock.
    NotALock,
}

/// A node's counter after a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the counter was moved or it was not"
)]
pub enum Stamp {
    /// This command moved the counter to exactly this value.
    Moved(u64),
    /// The counter is at this value or beyond. This command did not move it.
    Beyond(u64),
}

/// A node's response to [`Extend`](crate::node::Extend).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extension {
    /// All keys are ours and stay for at least the ttl.
    Confirmed,
    /// A key does not exist or is not ours.
    NotHeld,
    /// Some of the keys hold the id of an [adopter](crate::node::Adopt) that has not decided yet, and
    /// all others are ours. Nothing was changed.
    Contested,
}

/// A node's response to [`Raise`](crate::node::Raise).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the counter was moved or it was not"
)]
pub enum Raised {
    /// This command moved the counter to the token.
    Moved,
    /// The counter is at this value, which is the token or beyond it. It was not changed.
    Beyond(u64),
    /// A key does not exist or is not ours.
    NotHeld,
}

/// A node's response to [`Rearm`](crate::node::Rearm).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rearmed {
    /// All keys are ours, and expire no earlier than after the ttl.
    Armed,
    /// A key belongs to another owner. None was set.
    Busy {
        /// The time until that key expires, or `None` if it never does.
        remaining: Option<Duration>,
    },
    /// A key holds something that is not a lock. None was set.
    NotALock,
}

/// A node's response to [`Adopt`](crate::node::Adopt).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Adopted {
    /// All keys hold the new id. Their expiry is unchanged.
    Changed {
        /// The counter afterwards, if the command has a [`Fence`](crate::node::Fence).
        stamp: Option<Stamp>,
    },
    /// A key does not exist or holds another value. None was changed.
    NotHeld,
    /// Another adopter of the same lease has keys, and has not decided yet. None was changed.
    Contested,
}

/// A node's response to [`Release`](crate::node::Release).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a key was ours or it was not")]
pub enum Removal {
    /// At least one key was ours. It is deleted, expires at
    /// [`keep_until`](crate::node::Release::keep_until), or is
    /// [returned](crate::node::Release::return_to).
    Deleted,
    /// No key existed that was ours.
    Absent,
}

/// A node's response to [`Inspect`](crate::node::Inspect).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The value and expiry of the key, if it exists.
    pub record: Option<Record>,
    /// The resource's counter, if there is one.
    pub counter: Option<u64>,
    /// The number of waiters on the node's waiting list, if the node has one.
    pub waiters: Option<u32>,
}

impl Snapshot {
    /// Creates a snapshot of a key and its counter.
    #[must_use]
    pub fn new(record: Option<Record>, counter: Option<u64>) -> Self {
        Self {
            record,
            counter,
            waiters: None,
        }
    }

    /// Sets the number of waiters.
    #[must_use]
    pub fn waiters(mut self, waiters: impl Into<Option<u32>>) -> Self {
        self.waiters = waiters.into();
        self
    }
}

/// The value and expiry of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The lease that holds the key. `None` if the value is not a string, so that the key is no lock.
    pub id: Option<LeaseId>,
    /// The time until the key expires, or `None` if it never does.
    pub remaining: Option<Duration>,
    /// The [label](crate::node::ExtendTerms::label) of the holder, if the node has one of this lease. Any
    /// text: escape control characters where it is shown.
    pub label: Option<Arc<str>>,
}

impl Record {
    /// Creates the record of a key that expires after `remaining`.
    #[must_use]
    pub fn new(id: Option<LeaseId>, remaining: Option<Duration>) -> Self {
        Self {
            id,
            remaining,
            label: None,
        }
    }

    /// Sets the label of the holder.
    #[must_use]
    pub fn label(mut self, label: impl Into<Option<Arc<str>>>) -> Self {
        self.label = label.into();
        self
    }
}

/// A node's response to [`Ping`](crate::node::Ping).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// An id that no other server process has, if the node reports one.
    pub run_id: Option<Arc<str>>,
}

impl Identity {
    /// Sets an id that no other server process has.
    #[must_use]
    pub fn run_id(mut self, run_id: impl Into<Option<Arc<str>>>) -> Self {
        self.run_id = run_id.into();
        self
    }
}
