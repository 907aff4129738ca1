//! Commands that a node carries out, one type each.

use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::acquire::Acquire;
use crate::node::adopt::Adopt;
use crate::node::extend::Extend;
use crate::node::identity::{Identify, RecordCheck};
use crate::node::keys::Keys;
use crate::node::rearm::Rearm;
use crate::node::release::Release;
use crate::node::responder::Responder;
use crate::node::response::{Identity, Raised, Snapshot};
use crate::node::waiter::{Leave, Look};

/// A command, together with the responder that receives its result.
///
/// It is small, because it moves through queues. What is large is shared, or behind a box unless every
/// lock needs it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Command {
    /// Sets keys that do not exist.
    Acquire(Acquire),
    /// Postpones the expiry of keys that are ours.
    Extend(Extend),
    /// Moves the counters of keys that are ours to a fencing token.
    Raise(Box<Raise>),
    /// Puts the keys of a held lease back where they are missing.
    Rearm(Box<Rearm>),
    /// Changes the lease id of keys.
    Adopt(Box<Adopt>),
    /// Deletes keys that are ours.
    Release(Release),
    /// Removes a waiter from waiting lists.
    Leave(Box<Leave>),
    /// Reads whether keys are free.
    Look(Box<Look>),
    /// Reads a key without changing it.
    Inspect(Inspect),
    /// Reads the identity of the node and its record, and may change the record.
    Identify(Box<Identify>),
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
            Self::Rearm(command) => command.responder.send(Err(error)),
            Self::Adopt(command) => command.responder.send(Err(error)),
            Self::Release(command) => command.responder.send(Err(error)),
            Self::Leave(_) => {}
            Self::Look(command) => command.responder.send(Err(error)),
            Self::Inspect(command) => command.responder.send(Err(error)),
            Self::Identify(command) => command.responder.send(Err(error)),
            Self::Ping(command) => command.responder.send(Err(error)),
        }
    }

    /// Returns the keys of the command, of which a ping has none.
    #[inline]
    pub(crate) fn keys(&self) -> &[Arc<[u8]>] {
        match self {
            Self::Acquire(command) => command.keys.as_slice(),
            Self::Extend(command) => command.keys.as_slice(),
            Self::Raise(command) => command.keys.as_slice(),
            Self::Rearm(command) => command.keys.as_slice(),
            Self::Adopt(command) => command.keys.as_slice(),
            Self::Release(command) => command.keys.as_slice(),
            Self::Leave(command) => command.keys.as_slice(),
            Self::Look(command) => command.keys.as_slice(),
            Self::Inspect(command) => std::slice::from_ref(&command.key),
            Self::Identify(command) => std::slice::from_ref(&command.key),
            Self::Ping(_) => &[],
        }
    }

    /// Whether the command is still wanted. Releases always are. A command that is not wanted must
    /// not be sent, because it could follow the release of its lease.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        match self {
            Self::Acquire(command) => command.responder.is_wanted(),
            Self::Extend(command) => command.responder.is_wanted(),
            Self::Rearm(command) => command.responder.is_wanted(),
            Self::Adopt(command) => command.responder.is_wanted(),
            Self::Look(command) => command.responder.is_wanted(),
            Self::Raise(_)
            | Self::Release(_)
            | Self::Leave(_)
            | Self::Inspect(_)
            | Self::Identify(_)
            | Self::Ping(_) => true,
        }
    }

    /// Returns the lease whose keys the command may set, if it may set any.
    ///
    /// Such a command needs a release behind it, in whatever way it fails.
    pub(crate) fn may_set(&self) -> Option<MaySet<'_>> {
        let (keys, id, ttl, return_to) = match self {
            Self::Acquire(it) => (&it.keys, &it.id, it.ttl, None),
            Self::Rearm(it) => (&it.keys, &it.id, it.ttl, None),
            Self::Adopt(it) => (&it.keys, &it.id, it.max_ttl, Some(&it.from)),
            _ => return None,
        };
        Some(MaySet {
            keys,
            id,
            ttl,
            return_to,
        })
    }

    /// Returns the identity record that the command relies on, if it does.
    pub(crate) fn record_check(&self) -> Option<&Arc<RecordCheck>> {
        match self {
            Self::Acquire(command) => command.record.as_ref(),
            Self::Rearm(command) => command.record.as_ref(),
            _ => None,
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

/// The lease whose keys a command may set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaySet<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) id: &'a LeaseId,
    pub(crate) ttl: Duration,
    /// The lease to which the keys return.
    pub(crate) return_to: Option<&'a LeaseId>,
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
    /// Whether to respond only once no release is left that was submitted before: each was carried out,
    /// or its keys have expired. Without a connection, the ping fails.
    pub after_releases: bool,
    /// Receives the identity.
    pub responder: Responder<Identity>,
}

impl Ping {
    /// Reads the node's identity.
    #[must_use]
    pub fn new(responder: Responder<Identity>) -> Self {
        Self {
            after_releases: false,
            responder,
        }
    }

    /// Sets [`after_releases`](Self::after_releases).
    #[must_use]
    pub fn after_releases(mut self) -> Self {
        self.after_releases = true;
        self
    }
}
