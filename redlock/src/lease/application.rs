//! The acquire of a lease at one node, which is sent only where the node has a vote.
//!
//! A grant counts only if the node's identity record was valid from the sending of the acquire to
//! its response: a node that loses its data in between has also lost the locks of others.
//!
//! A session returns an acquire that it could not send before its connection ended. The lease
//! applies again, and waits until the node is identified over the new connection.

use std::sync::{Arc, Weak};

use crate::engine::deployment::{Applicant, Standing, Version};
use crate::error::{NodeError, NodeErrorKind};
use crate::lease::ActiveLease;
use crate::lease::contention::Contention;
use crate::lease::state::Phase;
use crate::node::{Acquire, AcquireTerms, Command, NodeResult, Responder, ResponseSink, Vote};
use crate::time::clock::Moment;

/// An acquire that waits until its node is identified.
struct Application(Weak<ActiveLease>);

impl ActiveLease {
    /// Sends the acquire to every node.
    pub(super) fn apply_everywhere(self: &Arc<Self>, contention: &Contention) {
        let terms = self.terms();
        let acquire = |node| self.application(node, contention, &terms);
        let nodes = 0..self.engine.quorum().nodes();
        self.engine.submit_each(nodes, acquire);
    }

    /// Returns the acquire for a node, if the node is identified. Otherwise the lease applies once it is.
    /// Fails the vote of a node that has none.
    fn application(
        self: &Arc<Self>,
        node: usize,
        contention: &Contention,
        terms: &Arc<AcquireTerms>,
    ) -> Option<Command> {
        let applicant = || -> Arc<dyn Applicant> { Arc::new(Application(Arc::downgrade(self))) };
        let wakeup = contention.wakeup.as_ref();
        let watch = || wakeup.map(|wakeup| wakeup.watch(node));
        let standing = self.engine.deployment().apply(node, applicant, watch);
        let (version, record) = match &standing {
            Standing::Admitted(admission) => (admission.version, admission.check.clone()),
            // Its session fails the acquire with the cause, or returns it once it has connected.
            Standing::Down => (Version::NONE, None),
            Standing::Pending => return None,
            Standing::Quarantined(..) | Standing::Refused(_) => {
                if let Some(error) = standing.refusal() {
                    self.on_response(node, Err(error));
                }
                return None;
            }
        };
        self.versions[node].set(version);
        let responder = Responder::new(Arc::<Self>::clone(self), node);
        let mut acquire = Acquire::with_terms(Arc::clone(terms), responder);
        acquire.record = record;
        Some(Command::Acquire(acquire))
    }

    /// What the acquires say, at every node.
    fn terms(&self) -> Arc<AcquireTerms> {
        let mut state = self.lock();
        let state = &mut *state;
        let contention = &state.contention;
        let terms = state.terms.get_or_insert_with(|| {
            let terms = AcquireTerms::new(self.keys.clone(), self.id.clone(), self.ttl);
            let terms = terms.contended(contention.is_contended).fence(self.fence());
            Arc::new(terms.waiter(contention.waiter()))
        });
        Arc::clone(terms)
    }

    /// Applies again at a node, unless the round is over.
    fn apply_again(self: &Arc<Self>, node: usize) {
        let contention = {
            let mut state = self.lock();
            if let Phase::Ended(_) = state.phase {
                return;
            }
            // The keys may be set later than those of the other nodes.
            let now = Moment::now();
            state.keys_may_stay(self.gone_by(now, self.ttl));
            state.contention.now = now;
            // The contender has waited for longer.
            state.terms = None;
            state.contention.clone()
        };
        let terms = self.terms();
        let acquire = self.application(node, &contention, &terms);
        if let Some(acquire) = acquire {
            self.engine.submit(node, acquire);
        }
        self.release_behind([node]);
    }

    /// Applies again if the session has returned the acquire. Returns whether it has.
    pub(super) fn was_returned(&self, node: usize, result: &NodeResult<Vote>) -> bool {
        let Err(error) = result else {
            return false;
        };
        if error.kind() == NodeErrorKind::DataLost {
            self.engine
                .deployment()
                .recheck(node, self.versions[node].get());
        }
        let is_returned = error.kind() == NodeErrorKind::Reconnected;
        match self.itself.upgrade() {
            Some(lease) if is_returned => lease.apply_again(node),
            _ => return false,
        }
        true
    }

    /// Turns a confirmation into an error if the node has no vote: one server under two names must
    /// not confirm twice.
    pub(super) fn unless_without_vote<T>(
        &self,
        node: usize,
        result: NodeResult<T>,
    ) -> NodeResult<T> {
        if result.is_err() || self.engine.deployment().may_confirm(node) {
            return result;
        }
        let text = "it has no vote, or is not identified yet";
        Err(NodeError::new(NodeErrorKind::Misplaced, text))
    }

    /// Turns a grant into an error if the node may have lost its data since the acquire was sent.
    pub(super) fn unless_record_changed(
        &self,
        node: usize,
        result: NodeResult<Vote>,
    ) -> NodeResult<Vote> {
        let Ok(Vote::Granted { .. }) = result else {
            return result;
        };
        let version = self.versions[node].get();
        if self.engine.deployment().is_current(node, version) {
            return result;
        }
        let text = "its identity record may have changed since the acquire was sent";
        Err(NodeError::new(NodeErrorKind::DataLost, text))
    }
}

impl Applicant for Application {
    fn decided(self: Arc<Self>, node: usize) {
        if let Some(lease) = self.0.upgrade() {
            lease.apply_again(node);
        }
    }

    fn is_wanted(&self) -> bool {
        self.0.strong_count() > 0
    }
}
