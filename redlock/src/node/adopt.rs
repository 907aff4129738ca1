//! The command that gives keys of a lease to its adopter.

use std::time::Duration;

use crate::lease_id::LeaseId;
use crate::node::acquire::Fence;
use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::response::Adopted;

/// Changes the lease id of keys, if all of them hold the former one. Their expiry stays.
///
/// An adoption that fails is undone by a [`Release`](crate::node::Release) of the new id that
/// [returns the keys](crate::node::Release::return_to) to the former one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Adopt {
    /// The keys of one lease.
    pub keys: Keys,
    /// The value that every key must hold: the lease id so far.
    pub from: LeaseId,
    /// The value that every key holds afterwards: the lease id of the adopter.
    pub id: LeaseId,
    /// The longest time that the keys may have left. An adoption whose outcome is unknown needs to
    /// be undone until then.
    pub max_ttl: Duration,
    /// The time within which the adopter decides. Meanwhile an [`Extend`](crate::node::Extend) of the
    /// former id finds the keys [contested](crate::node::Extension::Contested).
    ///
    /// A hint: without it, the former holder may end although the adoption fails.
    pub decided_within: Duration,
    /// How the fencing counters move, as with a grant. `None` leaves them unchanged.
    pub fence: Option<Fence>,
    /// Receives the response.
    pub responder: Responder<Adopted>,
}

impl Adopt {
    /// Changes the id of `keys` from `from` to `id`. The adopter decides at once, and no counter
    /// moves.
    #[must_use]
    pub fn new(
        keys: Keys,
        from: LeaseId,
        id: LeaseId,
        max_ttl: Duration,
        responder: Responder<Adopted>,
    ) -> Self {
        Self {
            keys,
            from,
            id,
            max_ttl,
            decided_within: Duration::ZERO,
            fence: None,
            responder,
        }
    }

    /// Sets the time within which the adopter decides.
    #[must_use]
    pub fn decided_within(mut self, decided_within: Duration) -> Self {
        self.decided_within = decided_within;
        self
    }

    /// Sets how the fencing counters move.
    #[must_use]
    pub fn fence(mut self, fence: impl Into<Option<Fence>>) -> Self {
        self.fence = fence.into();
        self
    }
}
