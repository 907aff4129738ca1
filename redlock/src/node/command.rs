//! Commands that a node carries out, one type each.

use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::response::{Extension, Identity, Raised, Removal, Snapshot, Vote};
use crate::node::watch::Watch;
use crate::time::clock::Moment;

/// A command, together with the responder that receives its result.
#[derive(Debug)]
#[non_exhaustive]
pub enum Command {
    /// Sets keys that do not exist.
    Acquire(Acquire),
    /// Postpones the expiry of keys that are ours.
    Extend(Extend),
    /// Moves the counters of keys that are ours to a fencing token.
    Raise(Raise),
    /// Deletes keys that are ours.
    Release(Release),
    /// Reads a key without changing it.
    Inspect(Inspect),
    /// Checks that the node responds, and reads its identity.
    Ping(Ping),
}

impl Command {
    /// Responds with an error.
    pub fn fail(self, error: NodeError) {
        match self {
            Self::Acquire(command) => command.responder.send(Err(error)),
            Self::Extend(command) => command.responder.send(Err(error)),
            Self::Raise(command) => command.responder.send(Err(error)),
            Self::Release(command) => command.responder.send(Err(error)),
            Self::Inspect(command) => command.responder.send(Err(error)),
            Self::Ping(command) => command.responder.send(Err(error)),
        }
    }

    /// Returns the keys of the command, of which a ping has none.
    pub(crate) fn keys(&self) -> &[Arc<[u8]>] {
        match self {
            Self::Acquire(command) => command.keys.as_slice(),
            Self::Extend(command) => command.keys.as_slice(),
            Self::Raise(command) => command.keys.as_slice(),
            Self::Release(command) => command.keys.as_slice(),
            Self::Inspect(command) => std::slice::from_ref(&command.key),
            Self::Ping(_) => &[],
        }
    }

    /// Returns the acquire, if the command is one.
    pub(crate) fn as_acquire(&self) -> Option<&Acquire> {
        match self {
            Self::Acquire(command) => Some(command),
            _ => None,
        }
    }

    /// Returns the release, if the command is one.
    pub(crate) fn as_release(&self) -> Option<&Release> {
        match self {
            Self::Release(command) => Some(command),
            _ => None,
        }
    }
}

/// Acquires keys for a lease.
#[derive(Debug)]
#[non_exhaustive]
pub struct Acquire {
    /// The keys of one lease.
    pub keys: Keys,
    /// The value that marks the keys as ours.
    pub id: LeaseId,
    /// The time after which the keys expire.
    pub ttl: Duration,
    /// Whether an earlier round met another holder.
    ///
    /// A hint: a node may use a cheaper command when a grant is likely, and one that reports more
    /// about the holder when it is not.
    pub contended: bool,
    /// How the fencing counters move on a grant. `None` leaves them unchanged.
    pub fence: Option<Fence>,
    /// The watch to notify when a key that another holds may be free.
    ///
    /// A hint: waiters also poll, so a node that cannot push notifications may ignore it.
    pub watch: Option<Watch>,
    /// Receives the vote.
    pub responder: Responder<Vote>,
}

impl Acquire {
    /// Acquires `keys` for `ttl`. No contention is known, and no counter moves.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, ttl: Duration, responder: Responder<Vote>) -> Self {
        Self {
            keys,
            id,
            ttl,
            contended: false,
            fence: None,
            watch: None,
            responder,
        }
    }

    /// Sets whether an earlier round met another holder.
    #[must_use]
    pub fn contended(mut self, contended: bool) -> Self {
        self.contended = contended;
        self
    }

    /// Sets how the fencing counters move on a grant.
    #[must_use]
    pub fn fence(mut self, fence: impl Into<Option<Fence>>) -> Self {
        self.fence = fence.into();
        self
    }

    /// Sets the watch to notify when a key that another holds may be free.
    #[must_use]
    pub fn watch(mut self, watch: impl Into<Option<Watch>>) -> Self {
        self.watch = watch.into();
        self
    }
}

/// The effect of an acquire on the counter from which fencing tokens are made.
///
/// A node that grants moves the counter to the proposal, or to one more than its value if that is
/// larger. The counter must never decrease, and must never be rewritten with the value it has. The
/// counters of several keys all move to one value, which is beyond each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fence {
    /// The value to move the counter to, if the counter is below it.
    pub proposal: u64,
    /// Whether the proposal is likely to be beyond the counter, as recent proposals were.
    ///
    /// A hint: a node may then use a cheaper command, which costs one more if it was wrong.
    pub is_likely_accepted: bool,
    /// The minimum time for which the counter is kept, from now on.
    pub retention: Duration,
}

impl Fence {
    /// Moves the counter to at least `proposal`, and keeps it for at least `retention`.
    #[must_use]
    pub fn new(proposal: u64, retention: Duration) -> Self {
        Self {
            proposal,
            is_likely_accepted: false,
            retention,
        }
    }

    /// Sets whether the proposal is likely to be beyond the counter.
    #[must_use]
    pub fn likely_accepted(mut self, is_likely_accepted: bool) -> Self {
        self.is_likely_accepted = is_likely_accepted;
        self
    }
}

/// Postpones the expiry of keys that are ours.
#[derive(Debug)]
#[non_exhaustive]
pub struct Extend {
    /// The keys of one lease.
    pub keys: Keys,
    /// The value that every key must hold.
    pub id: LeaseId,
    /// The minimum time after which the keys expire, from now on.
    pub ttl: Duration,
    /// The minimum time for which existing counters are kept, from now on. `None` leaves them
    /// unchanged.
    pub fence_retention: Option<Duration>,
    /// Receives the result.
    pub responder: Responder<Extension>,
}

impl Extend {
    /// Keeps `keys` for `ttl` from now on, and leaves counters unchanged.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, ttl: Duration, responder: Responder<Extension>) -> Self {
        Self {
            keys,
            id,
            ttl,
            fence_retention: None,
            responder,
        }
    }

    /// Sets the minimum time for which counters are kept, from now on.
    #[must_use]
    pub fn fence_retention(mut self, retention: impl Into<Option<Duration>>) -> Self {
        self.fence_retention = retention.into();
        self
    }
}

/// Moves the counters of keys that are ours to a fencing token.
#[derive(Debug)]
#[non_exhaustive]
pub struct Raise {
    /// The keys of one lease.
    pub keys: Keys,
    /// The value that every key must hold.
    pub id: LeaseId,
    /// The value to move the counters to, if all are below it.
    ///
    /// A counter that is already at the token must not be reported as moved: the token may belong
    /// to another acquisition.
    pub token: u64,
    /// The minimum time for which the counters are kept, from now on.
    pub retention: Duration,
    /// Receives the result.
    pub responder: Responder<Raised>,
}

impl Raise {
    /// Moves the counters of `keys` to `token`.
    #[must_use]
    pub fn new(
        keys: Keys,
        id: LeaseId,
        token: u64,
        retention: Duration,
        responder: Responder<Raised>,
    ) -> Self {
        Self {
            keys,
            id,
            token,
            retention,
            responder,
        }
    }
}

/// Deletes keys that are ours.
#[derive(Debug)]
#[non_exhaustive]
pub struct Release {
    /// The keys of one lease.
    pub keys: Keys,
    /// The value that a key must hold to be deleted.
    pub id: LeaseId,
    /// The moment by which the keys are gone from the node by themselves. From then on, a node that
    /// could not be reached no longer needs the release.
    pub gone_by: Moment,
    /// The moment at which the keys expire instead of being deleted now, whether they had more
    /// time left or less. A later release deletes them.
    pub keep_until: Option<Moment>,
    /// Receives the result.
    pub responder: Responder<Removal>,
}

impl Release {
    /// Deletes `keys`, which are gone by `gone_by` even if the release never arrives.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, gone_by: Moment, responder: Responder<Removal>) -> Self {
        Self {
            keys,
            id,
            gone_by,
            keep_until: None,
            responder,
        }
    }

    /// Sets the moment at which the keys expire, instead of being deleted now.
    #[must_use]
    pub fn keep_until(mut self, keep_until: impl Into<Option<Moment>>) -> Self {
        self.keep_until = keep_until.into();
        self
    }
}

/// Reads a key and its counter.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspect {
    /// The key.
    pub key: Arc<[u8]>,
    /// Receives the snapshot.
    pub responder: Responder<Snapshot>,
}

impl Inspect {
    /// Reads `key`.
    #[must_use]
    pub fn new(key: Arc<[u8]>, responder: Responder<Snapshot>) -> Self {
        Self { key, responder }
    }
}

/// Checks that the node responds, and reads its identity.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ping {
    /// Receives the identity.
    pub responder: Responder<Identity>,
}

impl Ping {
    /// Reads the node's identity.
    #[must_use]
    pub fn new(responder: Responder<Identity>) -> Self {
        Self { responder }
    }
}
