//! The command that puts the keys of a held lease back.

use std::sync::Arc;
use std::time::Duration;

use crate::lease_id::LeaseId;
use crate::node::identity::RecordCheck;
use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::response::Rearmed;

/// Puts the keys of a held lease back where they are missing.
///
/// All or none: if a key belongs to another owner, none is set. Keys that exist are extended as by
/// [`Extend`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Rearm {
    /// The keys of one lease.
    pub keys: Keys,
    /// The value that marks the keys as ours.
    pub id: LeaseId,
    /// The shortest time until the keys expire.
    pub ttl: Duration,
    /// The token that the counters must not be below, and their shortest time until expiry. `None`
    /// leaves them unchanged.
    pub fence: Option<(u64, Duration)>,
    /// The identity record that must be there for the response to count: a node that finds another
    /// responds with an error of the kind [`DataLost`](crate::NodeErrorKind::DataLost).
    pub record: Option<Arc<RecordCheck>>,
    /// Receives the response.
    pub responder: Responder<Rearmed>,
}

impl Rearm {
    /// Puts `keys` back for `ttl`. No counter moves.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, ttl: Duration, responder: Responder<Rearmed>) -> Self {
        Self {
            keys,
            id,
            ttl,
            fence: None,
            record: None,
            responder,
        }
    }

    /// Sets the token that the counters must not be below, and their shortest time until expiry.
    #[must_use]
    pub fn fence(mut self, fence: impl Into<Option<(u64, Duration)>>) -> Self {
        self.fence = fence.into();
        self
    }

    /// Sets the identity record that must be there for the response to count.
    #[must_use]
    pub fn record(mut self, record: impl Into<Option<Arc<RecordCheck>>>) -> Self {
        self.record = record.into();
        self
    }
}
