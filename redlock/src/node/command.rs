//! What a node can be asked to do, and what it can say.

use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::response::{Extension, Identity, Raised, Removal, Snapshot, Vote};
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
    /// NodeResult, and say who you are.
    Ping(Ping),
}

impl Command {
    /// NodeResults with an error, whatever the command is.
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
}

/// Asks for a key.
#[derive(Debug)]
#[non_exhaustive]
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
    pub responder: Responder<Vote>,
}

impl Acquire {
    /// Acquires `keys` for `ttl`, uncontended as far as is known, without touching a counter.
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

    /// Sets what becomes of the counter.
    #[must_use]
    pub fn fence(mut self, fence: impl Into<Option<Fence>>) -> Self {
        self.fence = fence.into();
        self
    }

    /// Sets what is notified when a key that was refused may be free.
    #[must_use]
    pub fn watch(mut self, watch: impl Into<Option<Watch>>) -> Self {
        self.watch = watch.into();
        self
    }
}

/// What an acquisition does to the counter from which fencing tokens are made.
///
/// A node that grants moves the counter to the proposal, or to one more than it was if that is
/// larger. It must never go down, and never be written at the value it has. The counters of
/// several keys are all moved to one value, beyond each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fence {
    /// The value to move the counter to, if it is below.
    pub proposal: u64,
    /// Whether proposals of late were beyond all counters. A hint: a node may choose the cheaper
    /// way to ask when this one is likely to be.
    pub is_tried: bool,
    /// How long to keep the counter from now on, at least.
    pub retention: Duration,
}

impl Fence {
    /// Moves the counter to `proposal` at least, and keeps it for `retention` at least.
    #[must_use]
    pub fn new(proposal: u64, retention: Duration) -> Self {
        Self {
            proposal,
            is_tried: false,
            retention,
        }
    }

    /// Sets whether recent proposals were beyond all counters.
    #[must_use]
    pub fn is_tried(mut self, is_tried: bool) -> Self {
        self.is_tried = is_tried;
        self
    }
}

/// Asks to keep a key for longer.
#[derive(Debug)]
#[non_exhaustive]
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
    pub responder: Responder<Extension>,
}

impl Extend {
    /// Keeps `keys` for `ttl` from now on, and leaves counters alone.
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

    /// Sets how long counters are kept from now on.
    #[must_use]
    pub fn fence_retention(mut self, retention: impl Into<Option<Duration>>) -> Self {
        self.fence_retention = retention.into();
        self
    }
}

/// Asks to move the counter of a key that is ours.
#[derive(Debug)]
#[non_exhaustive]
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

/// Asks to delete a key.
#[derive(Debug)]
#[non_exhaustive]
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
    pub responder: Responder<Removal>,
}

impl Release {
    /// Deletes `keys`, which are gone by `until` even if this never arrives.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, until: Moment, responder: Responder<Removal>) -> Self {
        Self {
            keys,
            id,
            until,
            keep_until: None,
            responder,
        }
    }

    /// Sets how long the keys stay instead of being deleted.
    #[must_use]
    pub fn keep_until(mut self, keep_until: impl Into<Option<Moment>>) -> Self {
        self.keep_until = keep_until.into();
        self
    }
}

/// Asks what is under a key.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspect {
    /// The key.
    pub key: Arc<[u8]>,
    /// Where the answer goes.
    pub responder: Responder<Snapshot>,
}

impl Inspect {
    /// Looks at `key`.
    #[must_use]
    pub fn new(key: Arc<[u8]>, responder: Responder<Snapshot>) -> Self {
        Self { key, responder }
    }
}

/// Asks for a sign of life.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ping {
    /// Where the answer goes.
    pub responder: Responder<Identity>,
}

impl Ping {
    /// Asks for the node's identity.
    #[must_use]
    pub fn new(responder: Responder<Identity>) -> Self {
        Self { responder }
    }
}
