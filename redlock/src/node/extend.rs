//! The command that postpones the expiry of keys.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::lease_id::LeaseId;
use crate::node::encoded::{Encoded, Words};
use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::response::Extension;
use crate::node::watch::Watch;

/// Postpones the expiry of keys that are ours.
///
/// The [terms](ExtendTerms) are those of every node, and shared: a command in a queue is small. Their
/// fields can be read as if they were fields of the command.
#[derive(Debug)]
#[non_exhaustive]
pub struct Extend {
    /// What is extended.
    pub terms: Arc<ExtendTerms>,
    /// The watch to notify when a key changes after this extension: it may be gone.
    ///
    /// A hint: the next extension finds a missing key too.
    /// That extension is also a change. Each registration causes at most one notification for each key.
    pub watch: Option<Watch>,
    /// Receives the result.
    pub responder: Responder<Extension>,
}

/// What an [`Extend`] extends, at every node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExtendTerms {
    /// The keys of one lease.
    pub keys: Keys,
    /// The value that every key must hold.
    pub id: LeaseId,
    /// The minimum time after which the keys expire, from now on.
    pub ttl: Duration,
    /// The minimum time for which existing counters are kept, from now on. `None` leaves them
    /// unchanged.
    pub fence_retention: Option<Duration>,
    /// The label of the holder, to be kept beside each key for as long as the key holds the id. A node
    /// that cannot do that extends without it.
    pub label: Option<Arc<str>>,
    pub(crate) words: Encoded<Words>,
}

impl Extend {
    /// Keeps `keys` for `ttl` from now on, and leaves counters unchanged.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, ttl: Duration, responder: Responder<Extension>) -> Self {
        let terms = ExtendTerms::new(keys, id, ttl);
        Self::with_terms(Arc::new(terms), responder)
    }

    /// Extends on terms that other nodes have received, too.
    #[must_use]
    pub fn with_terms(terms: Arc<ExtendTerms>, responder: Responder<Extension>) -> Self {
        Self {
            terms,
            watch: None,
            responder,
        }
    }

    /// Sets the label of the holder.
    #[must_use]
    pub fn label(mut self, label: impl Into<Option<Arc<str>>>) -> Self {
        Arc::make_mut(&mut self.terms).label = label.into();
        self
    }

    /// Sets the minimum time for which counters are kept, from now on.
    #[must_use]
    pub fn fence_retention(mut self, retention: impl Into<Option<Duration>>) -> Self {
        let terms = Arc::make_mut(&mut self.terms);
        (terms.fence_retention, terms.words) = (retention.into(), Encoded::default());
        self
    }

    /// Sets the watch to notify when a key changes after this extension.
    #[must_use]
    pub fn watch(mut self, watch: impl Into<Option<Watch>>) -> Self {
        self.watch = watch.into();
        self
    }
}

impl ExtendTerms {
    /// Keeps `keys` for `ttl` from now on, and leaves counters unchanged.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, ttl: Duration) -> Self {
        Self {
            keys,
            id,
            ttl,
            fence_retention: None,
            label: None,
            words: Encoded::default(),
        }
    }

    /// Sets the label of the holder.
    #[must_use]
    pub fn label(mut self, label: impl Into<Option<Arc<str>>>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets the minimum time for which counters are kept, from now on.
    #[must_use]
    pub fn fence_retention(mut self, retention: impl Into<Option<Duration>>) -> Self {
        (self.fence_retention, self.words) = (retention.into(), Encoded::default());
        self
    }
}

impl Deref for Extend {
    type Target = ExtendTerms;

    fn deref(&self) -> &ExtendTerms {
        &self.terms
    }
}
