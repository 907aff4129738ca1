//! What a node can be asked to do, and what it can say.

use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::keys::Keys;
use crate::node::responder::Reply;
use crate::node::watch::Watch;
use crate::time::clock::Moment;

/// A command and the way its answer goes back.
#[derive(Debug)]
#[non_exhaustive]
pub enum Command {
    /// Set the key if it is not there.
    Acquire(Acquire),
    /// Move the expiry of a key that is ours further away.
    Extend(Extend),
    /// Move the counter of a key that is ours to a fencing token.
    Raise(Raise),
    /// Delete a key that is ours.
    Release(Release),
    /// Look at a key without touching it.
    Inspect(Inspect),
    /// Answer, and say who you are.
    Ping(Ping),
}

impl Command {
    /// Answers with an error, whatever the command is.
    pub fn fail(self, error: NodeError) {
        match self {
            Self::Acquire(command) => command.reply.give(Err(error)),
            Self::Extend(command) => command.reply.give(Err(error)),
            Self::Raise(command) => command.reply.give(Err(error)),
            Self::Release(command) => command.reply.give(Err(error)),
            Self::Inspect(command) => command.reply.give(Err(error)),
            Self::Ping(command) => command.reply.give(Err(error)),
        }
    }
}

/// Asks for a key.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Acquire {
    /// The key, or several that are dealt with together.
    pub keys: Keys,
    /// What to put under it.
    pub id: LeaseId,
    /// How long to keep it.
    pub ttl: Duration,
    /// Whether an earlier round met another holder. A hint: a node may choose the cheaper way to
    /// ask when a grant is likely, and the more talkative one when it is not.
    pub contended: bool,
    /// What becomes of the resource's counter; `None` leaves it alone.
    pub fence: Option<Fence>,
    /// Whom to tell, should another have the key, when that may have changed. A hint: whoever
    /// waits keeps a timer, and a node that cannot tell need not.
    pub watch: Option<Watch>,
    /// Where the vote goes.
    pub reply: Reply<Vote>,
}

/// What an acquisition does to the counter from which fencing tokens are made.
///
/// A node that grants moves the counter to the proposal, or to one more than it was if that is
/// larger. It must never go down, and never be written at the value it has. The counters of
/// several keys are all moved to one value, beyond each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Fence {
    /// The value to move the counter to, if it is below.
    pub proposal: u64,
    /// Whether proposals of late were beyond all counters. A hint: a node may choose the cheaper
    /// way to ask when this one is likely to be.
    pub is_tried: bool,
    /// How long to keep the counter from now on, at least.
    pub retention: Duration,
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

/// A node's answer to [`Acquire`].
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

/// Asks to keep a key for longer.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Extend {
    /// The key, or several that are dealt with together.
    pub keys: Keys,
    /// What must be under it.
    pub id: LeaseId,
    /// How long to keep it from now on, at least.
    pub ttl: Duration,
    /// How long to keep the resource's counter from now on, at least, if there is one.
    pub fence_retention: Option<Duration>,
    /// Where the answer goes.
    pub reply: Reply<Extension>,
}

/// A node's answer to [`Extend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a key is ours or it is not")]
pub enum Extension {
    /// The key is ours and stays for at least the ttl.
    Confirmed,
    /// The key is not there, or not ours.
    NotHeld,
}

/// Asks to move the counter of a key that is ours.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Raise {
    /// The key, or several that are dealt with together.
    pub keys: Keys,
    /// What must be under it.
    pub id: LeaseId,
    /// The value to move the counter to, if it is below; one that is there already must not be
    /// reported as moved, because it may be another's.
    pub token: u64,
    /// How long to keep the counter from now on, at least.
    pub retention: Duration,
    /// Where the answer goes.
    pub reply: Reply<Raised>,
}

/// A node's answer to [`Raise`].
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

/// Asks to delete a key.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Release {
    /// The key, or several that are dealt with together.
    pub keys: Keys,
    /// What must be under it.
    pub id: LeaseId,
    /// When the key is gone in any case, so that a node which could not be reached until then
    /// need not be asked any more.
    pub until: Moment,
    /// Instead of being deleted the key stays until then, and no longer, whether it had more time
    /// left or less. A release that comes later deletes it.
    pub keep_until: Option<Moment>,
    /// Where the answer goes.
    pub reply: Reply<Removal>,
}

/// A node's answer to [`Release`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a key was ours or it was not")]
pub enum Removal {
    /// The key was ours and is deleted, or will be when it is no longer to be kept.
    Deleted,
    /// The key was not there, or not ours.
    Absent,
}

/// Asks what is under a key.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Inspect {
    /// The key.
    pub key: Arc<[u8]>,
    /// Where the answer goes.
    pub reply: Reply<Snapshot>,
}

/// A node's answer to [`Inspect`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Snapshot {
    /// What is under the key, if it is there.
    pub record: Option<Record>,
    /// Where the resource's counter is, if there is one.
    pub counter: Option<u64>,
}

/// What is under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Record {
    /// Who has it; `None` if the value is no lease id: another type, or not text.
    pub id: Option<LeaseId>,
    /// The time until it expires; `None` if it never does.
    pub remaining: Option<Duration>,
}

/// Asks for a sign of life.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Ping {
    /// Where the answer goes.
    pub reply: Reply<Identity>,
}

/// A node's answer to [`Ping`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "nodes are implemented outside this crate"
)]
pub struct Identity {
    /// What tells this server process from every other one, where the node tells.
    pub run_id: Option<Arc<str>>,
}
