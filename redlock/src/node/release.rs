//! The command that deletes keys, or returns them.

use std::ops::Deref;
use std::sync::Arc;

use crate::lease_id::LeaseId;
use crate::node::encoded::{Encoded, Words};
use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::response::Removal;
use crate::node::waiter::Waiter;
use crate::time::clock::Moment;

/// Deletes keys that are ours, or returns them to the lease from which they were adopted.
///
/// The [terms](ReleaseTerms) are those of every node, and shared: a command in a queue is small. Their
/// fields can be read as if they were fields of the command.
#[derive(Debug)]
#[non_exhaustive]
pub struct Release {
    /// What is released.
    pub terms: Arc<ReleaseTerms>,
    /// The contender of a lost round, which goes on waiting: it joins the waiting list once the next
    /// waiter was hinted.
    ///
    /// Boxed, because it is rare, and releases move through queues.
    pub requeue: Option<Box<Waiter>>,
    /// Whether the hint is repeated until a waiter acquires the key, or none is left. The waiter that
    /// was hinted may hang.
    ///
    /// One node is enough for that, so a manager sets it for two.
    pub repeats_hint: bool,
    /// Receives the result.
    pub responder: Responder<Removal>,
}

/// What a [`Release`] releases, at every node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReleaseTerms {
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
    pub(crate) words: Encoded<Words>,
}

impl Release {
    /// Deletes `keys`, which are gone by `gone_by` even if the release never arrives.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, gone_by: Moment, responder: Responder<Removal>) -> Self {
        let terms = ReleaseTerms::new(keys, id, gone_by);
        Self::with_terms(Arc::new(terms), responder)
    }

    /// Releases on terms that other nodes have received, too.
    #[must_use]
    pub fn with_terms(terms: Arc<ReleaseTerms>, responder: Responder<Removal>) -> Self {
        Self {
            terms,
            requeue: None,
            repeats_hint: true,
            responder,
        }
    }

    /// Returns the same release without a caller and without a contender: both are gone.
    pub(crate) fn copy(&self) -> Self {
        Self::with_terms(Arc::clone(&self.terms), Responder::ignored())
    }

    /// Sets the contender that goes on waiting.
    #[must_use]
    pub fn requeue(mut self, requeue: impl Into<Option<Waiter>>) -> Self {
        self.requeue = requeue.into().map(Box::new);
        self
    }

    /// Sets whether the hint is repeated. It is by default.
    #[must_use]
    pub fn repeats_hint(mut self, repeats_hint: bool) -> Self {
        self.repeats_hint = repeats_hint;
        self
    }

    /// Sets the moment by which the keys are gone from the node by themselves.
    #[must_use]
    pub fn gone_by(mut self, gone_by: Moment) -> Self {
        Arc::make_mut(&mut self.terms).gone_by = gone_by;
        self
    }

    /// Sets the lease id that the keys hold again.
    #[must_use]
    pub fn return_to(mut self, id: impl Into<Option<LeaseId>>) -> Self {
        Arc::make_mut(&mut self.terms).return_to = id.into();
        self
    }

    /// Sets the moment at which the keys expire, instead of being deleted now.
    #[must_use]
    pub fn keep_until(mut self, keep_until: impl Into<Option<Moment>>) -> Self {
        Arc::make_mut(&mut self.terms).keep_until = keep_until.into();
        self
    }
}

impl ReleaseTerms {
    /// Deletes `keys`, which are gone by `gone_by` even if no release arrives.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, gone_by: Moment) -> Self {
        Self {
            keys,
            id,
            gone_by,
            keep_until: None,
            return_to: None,
            words: Encoded::default(),
        }
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

impl Deref for Release {
    type Target = ReleaseTerms;

    fn deref(&self) -> &ReleaseTerms {
        &self.terms
    }
}
