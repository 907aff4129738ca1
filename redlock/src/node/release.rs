//! The command that deletes keys, or returns them.

use crate::lease_id::LeaseId;
use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::response::Removal;
use crate::node::waiter::Waiter;
use crate::time::clock::Moment;

/// Deletes keys that are ours, or returns them to the lease from which they were adopted.
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
    /// The lease id that the keys hold again, with their expiry unchanged, instead of being deleted:
    /// that of the lease whose adoption failed.
    pub return_to: Option<LeaseId>,
    /// The contender of a lost round, which goes on waiting: it joins the waiting list once the next
    /// waiter was hinted.
    pub requeue: Option<Waiter>,
    /// Whether the hint is repeated until a waiter acquires the key, or none is left. The waiter that
    /// was hinted may hang.
    ///
    /// One node is enough for that, so a manager sets it for two.
    pub repeats_hint: bool,
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
            return_to: None,
            requeue: None,
            repeats_hint: true,
            responder,
        }
    }

    /// Returns the same release without a caller and without a contender: both are gone.
    pub(crate) fn copy(&self) -> Self {
        let (keys, id) = (self.keys.clone(), self.id.clone());
        Self::new(keys, id, self.gone_by, Responder::ignored())
            .keep_until(self.keep_until)
            .return_to(self.return_to.clone())
    }

    /// Sets the contender that goes on waiting.
    #[must_use]
    pub fn requeue(mut self, requeue: impl Into<Option<Waiter>>) -> Self {
        self.requeue = requeue.into();
        self
    }

    /// Sets whether the hint is repeated. It is by default.
    #[must_use]
    pub fn repeats_hint(mut self, repeats_hint: bool) -> Self {
        self.repeats_hint = repeats_hint;
        self
    }

    /// Sets the lease id that the keys hold again.
    #[must_use]
    pub fn return_to(mut self, id: impl Into<Option<LeaseId>>) -> Self {
        self.return_to = id.into();
        self
    }

    /// Sets the moment at which the keys expire, instead of being deleted now.
    #[must_use]
    pub fn keep_until(mut self, keep_until: impl Into<Option<Moment>>) -> Self {
        self.keep_until = keep_until.into();
        self
    }
}
