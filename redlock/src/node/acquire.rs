//! The command that sets keys, and the counter that it moves.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::lease_id::LeaseId;
use crate::node::encoded::Encoded;
use crate::node::identity::RecordCheck;
use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::response::Vote;
use crate::node::waiter::Waiter;

/// Acquires keys for a lease.
///
/// The [terms](AcquireTerms) are those of every node, and shared: a command in a queue is small. Their
/// fields can be read as if they were fields of the command.
#[derive(Debug)]
#[non_exhaustive]
pub struct Acquire {
    /// What is acquired.
    pub terms: Arc<AcquireTerms>,
    /// The identity record that must be there for a grant to count. If the node finds another one, or
    /// none, it responds with an error of the kind [`DataLost`](crate::NodeErrorKind::DataLost)
    /// instead of a grant.
    ///
    /// Set only if the node does not [promise to notify](crate::node::Identified::is_tracked) of
    /// changes of the record.
    pub record: Option<Arc<RecordCheck>>,
    /// Receives the vote.
    pub responder: Responder<Vote>,
    /// The position of the node. A responder that wraps this one does not know it.
    node: usize,
}

/// What an [`Acquire`] acquires, at every node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AcquireTerms {
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
    /// The contender at any node: see [`Acquire::contender`].
    waiter: Option<Waiter>,
    pub(crate) encoded: Encoded,
}

impl Acquire {
    /// Acquires `keys` for `ttl`. No contention is known, and no counter moves.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, ttl: Duration, responder: Responder<Vote>) -> Self {
        let terms = AcquireTerms::new(keys, id, ttl);
        Self::with_terms(Arc::new(terms), responder)
    }

    /// Acquires on terms that other nodes have received, too. The contender of the terms is that at the
    /// node of `responder`.
    ///
    /// For a node that wraps another one, that is the wrong node: it replaces the
    /// [`responder`](Self::responder) of the command that it has received.
    #[must_use]
    pub fn with_terms(terms: Arc<AcquireTerms>, responder: Responder<Vote>) -> Self {
        Self {
            terms,
            record: None,
            node: responder.node(),
            responder,
        }
    }

    /// Sets whether an earlier round met another holder.
    #[must_use]
    pub fn contended(mut self, contended: bool) -> Self {
        self.change_terms().contended = contended;
        self
    }

    /// Sets how the fencing counters move on a grant.
    #[must_use]
    pub fn fence(mut self, fence: impl Into<Option<Fence>>) -> Self {
        self.change_terms().fence = fence.into();
        self
    }

    /// The terms, to be changed for this command alone. They may be encoded, as they were before.
    fn change_terms(&mut self) -> &mut AcquireTerms {
        let terms = Arc::make_mut(&mut self.terms);
        terms.encoded = Encoded::default();
        terms
    }

    /// Sets the contender, which goes on waiting when it is refused.
    #[must_use]
    pub fn waiter(mut self, waiter: impl Into<Option<Waiter>>) -> Self {
        let waiter = waiter.into();
        if let Some(waiter) = &waiter {
            self.node = waiter.watch.node();
        }
        self.change_terms().waiter = waiter;
        self
    }

    /// Returns the contender, if it goes on waiting when it is refused.
    ///
    /// A hint: waiters also poll, so a node without waiting lists may ignore it.
    #[must_use]
    pub fn contender(&self) -> Option<Waiter> {
        let waiter = self.terms.waiter.as_ref();
        waiter.map(|it| it.at_node(self.node))
    }

    /// Sets the identity record that must be there for a grant to count.
    #[must_use]
    pub fn record(mut self, record: impl Into<Option<Arc<RecordCheck>>>) -> Self {
        self.record = record.into();
        self
    }
}

impl AcquireTerms {
    /// Acquires `keys` for `ttl`. No contention is known, and no counter moves.
    #[must_use]
    pub fn new(keys: Keys, id: LeaseId, ttl: Duration) -> Self {
        Self {
            keys,
            id,
            ttl,
            contended: false,
            fence: None,
            waiter: None,
            encoded: Encoded::default(),
        }
    }

    /// Sets whether an earlier round met another holder.
    #[must_use]
    pub fn contended(mut self, contended: bool) -> Self {
        (self.contended, self.encoded) = (contended, Encoded::default());
        self
    }

    /// Sets how the fencing counters move on a grant.
    #[must_use]
    pub fn fence(mut self, fence: impl Into<Option<Fence>>) -> Self {
        (self.fence, self.encoded) = (fence.into(), Encoded::default());
        self
    }

    /// Sets the contender, which goes on waiting when it is refused.
    #[must_use]
    pub fn waiter(mut self, waiter: impl Into<Option<Waiter>>) -> Self {
        (self.waiter, self.encoded) = (waiter.into(), Encoded::default());
        self
    }

    /// Returns the contender, for any of the nodes.
    pub(crate) fn contender(&self) -> Option<&Waiter> {
        self.waiter.as_ref()
    }
}

impl Deref for Acquire {
    type Target = AcquireTerms;

    fn deref(&self) -> &AcquireTerms {
        &self.terms
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::node::{NodeResult, ResponseSink, Watch, Watcher};

    struct Sink;

    impl ResponseSink<Vote> for Sink {
        fn on_response(&self, _node: usize, _vote: NodeResult<Vote>) {}
    }

    #[derive(Default)]
    struct Hints(Mutex<Vec<usize>>);

    impl Watcher for Hints {
        fn key_changed(&self, node: usize) {
            self.0.lock().unwrap().push(node);
        }
    }

    #[test]
    fn each_node_hints_the_contender_as_itself_although_the_terms_are_shared() {
        let hints = Arc::<Hints>::default();
        let keys = Keys::from(Arc::<[u8]>::from(&b"a"[..]));
        let waiter = Waiter::new(Watch::new(&hints, 0), Duration::ZERO);
        let terms = AcquireTerms::new(keys, LeaseId::draw(), Duration::from_secs(1));
        let terms = Arc::new(terms.waiter(waiter));
        for node in [0, 3, 1] {
            let responder = Responder::new(Arc::new(Sink), node);
            let mut acquire = Acquire::with_terms(Arc::clone(&terms), responder);
            // A node that wraps another one replaces the responder.
            acquire.responder = Responder::ignored();
            assert!(acquire.contender().unwrap().watch.hint());
        }
        let alone = Acquire::with_terms(terms, Responder::ignored());
        let alone = alone.waiter(Waiter::new(Watch::new(&hints, 4), Duration::ZERO));
        assert!(alone.contender().unwrap().watch.hint());
        assert!(alone.waiter(None).contender().is_none());
        assert_eq!(*hints.0.lock().unwrap(), [0, 3, 1, 4]);
    }
}
