//! Adoption: the keys of a lease get the id of another one, node by node.
//!
//! No two leases ever share an id, so no release of one deletes a key of the other. Until a quorum
//! of nodes has the new id, the former holder keeps the lease:
//!
//! ```text
//!                 node 1     node 2     node 3
//!                 former     former     former
//! adopt       ──▶ new        new        (hung)     the expiry stays
//! mint, extend──▶ new        new                   the adopter knows its validity
//! guard                                 adopt ──▶  joins with the next extension
//!
//! adopt       ──▶ new        (down)     (down)     no quorum, or the adopter was cancelled
//! return      ──▶ former                           the lease is as it was
//! ```
//!
//! A former holder in this manager ends before the guard of the adopter is returned. Any other one
//! finds its keys *contested* at first, which changes nothing: the adopter may return them. Once the
//! time of the adopter to decide is over, they are no longer held.

use std::sync::Arc;

use crate::config::LockOptions;
use crate::engine::Engine;
use crate::error::{LossReason, NodeError, NodeErrorKind};
use crate::lease::ActiveLease;
use crate::lease::contention::Contention;
use crate::lease::round::Round;
use crate::lease::state::{End, Phase};
use crate::lease_id::LeaseId;
use crate::node::{
    Adopt, Adopted, Command, Extend, ExtendTerms, Extension, NodeResult, Responder, ResponseSink,
};
use crate::quorum::Verdict;
use crate::quorum::hold::Hold;
use crate::quorum::responses::{NodeResults, Responses};
use crate::quorum::vote::VoteState;
use crate::resource::Resources;
use crate::time::clock::Moment;
use crate::time::validity;

impl Round {
    /// Asks all nodes to give the keys of a lease a fresh id. Dropping this round returns them.
    pub(crate) fn adopt(
        engine: &Arc<Engine>,
        resources: &Resources,
        from: &LeaseId,
        options: &LockOptions,
    ) -> Self {
        let (id, contention) = (LeaseId::draw(), Contention::none(Moment::now()));
        let lease = {
            let keys = resources.keys(&engine.config().key_prefix).into();
            ActiveLease::new(engine, resources.clone(), keys, id, options, contention)
        };
        // The ttl of the former lease is unknown, so the longest is assumed.
        let max_ttl = engine.config().max_ttl.max(lease.ttl);
        {
            let mut state = lease.lock();
            state.extras().adopted_from = Some(from.clone());
            state.keys_may_stay(lease.gone_by(lease.sent_at, max_ttl));
        }
        let decided_within = validity::adoption_limit(lease.node_timeout());
        let sink = Arc::new(Adoption(Arc::clone(&lease)));
        for node in 0..engine.quorum().nodes() {
            let responder = Responder::new(Arc::<Adoption>::clone(&sink), node);
            let (keys, from, id) = (lease.keys.clone(), from.clone(), lease.id.clone());
            let adopt = Adopt::new(keys, from, id, max_ttl, responder)
                .decided_within(decided_within)
                .fence(lease.fence());
            engine.submit(node, Command::Adopt(adopt.into()));
        }
        Self::of_adoption(lease)
    }
}

impl ActiveLease {
    /// Extends a lease whose keys a quorum of nodes has given the new id. Its validity is unknown
    /// before. Waits for the confirmations, at most until `end`.
    pub(super) async fn extend_adopted(self: &Arc<Self>, end: Moment) {
        let sent = Moment::now();
        {
            let mut state = self.lock();
            let is_minted = self.proposal.is_none() || state.fencing_token.is_some();
            let is_open = state.phase == Phase::Acquiring && is_minted;
            if !is_open || state.tally.verdict() != Verdict::Reached {
                return;
            }
            state.keys_may_stay(self.gone_by(sent, self.ttl));
        }
        let nodes = self.engine.quorum().nodes();
        let first = Arc::new(FirstExtension {
            lease: Arc::clone(self),
            sent,
            responses: Responses::new(nodes),
        });
        let (keys, id) = (self.keys.clone(), self.id.clone());
        let terms = ExtendTerms::new(keys, id, self.ttl).fence_retention(self.fence_retention());
        let terms = Arc::new(terms);
        for node in 0..nodes {
            let responder = Responder::new(Arc::<FirstExtension>::clone(&first), node);
            let extend = Extend::with_terms(Arc::clone(&terms), responder);
            self.engine.submit(node, Command::Extend(extend));
        }
        let quorum = self.engine.acquire_quorum();
        let is_decided = |results: &NodeResults<Extension>| {
            let responded = results.iter().flatten();
            let is_confirmed = |it: &&NodeResult<Extension>| **it == Ok(Extension::Confirmed);
            let confirmed = responded.clone().filter(is_confirmed).count();
            let against = responded.count() - confirmed;
            quorum.verdict(confirmed, against) != Verdict::Open
        };
        let deadlines = self.engine.deadlines();
        let results = first.responses.until(deadlines, end, is_decided).await;
        if is_decided(&results) {
            return;
        }
        for (node, result) in results.iter().enumerate() {
            let is_granted = matches!(self.lock().tally.get(node), VoteState::Granted(_));
            if result.is_none() && is_granted {
                self.fail_node(node, &NodeError::new(NodeErrorKind::Timeout, ""));
            }
        }
    }

    /// Turns what a contested key means for an extension into an error, which changes nothing. An
    /// extension soon after that finds out what the adopter has decided.
    pub(super) fn unless_contested(
        self: &Arc<Self>,
        node: usize,
        result: NodeResult<Extension>,
    ) -> NodeResult<Extension> {
        let result = self.unless_without_vote(node, result);
        if result != Ok(Extension::Contested) {
            return result;
        }
        let timeout = self.node_timeout();
        self.extend_early(timeout, timeout);
        let text = "an adopter of the lease has not decided yet";
        Err(NodeError::new(NodeErrorKind::Taken, text))
    }

    /// Whether the lease has one of these keys.
    pub(super) fn has_any(&self, keys: &[Arc<[u8]>]) -> bool {
        self.keys.iter().any(|key| keys.contains(key))
    }

    /// Ends the lease because it is released by its id, for this reason. Calls `release` before it
    /// queues its own releases. Returns whether this call ended it.
    pub(super) fn end_unlocked(&self, reason: LossReason, release: &mut dyn FnMut()) -> bool {
        let has_ended = self.end_with(End::Lost(reason), |plan| {
            release();
            self.send_releases(plan);
        });
        if has_ended {
            tracing::warn!(resource = %self.resources, %reason, "lock lost before release");
        }
        has_ended
    }
}

/// The votes on the adoption of a lease.
struct Adoption(Arc<ActiveLease>);

impl ResponseSink<Adopted> for Adoption {
    fn on_response(&self, node: usize, result: NodeResult<Adopted>) {
        let lease = &self.0;
        let (vote, hold, stamp) = match lease.unless_without_vote(node, result) {
            // The key may expire at any moment, until an extension is confirmed.
            Ok(Adopted::Changed { stamp }) => (
                VoteState::Granted(lease.granted_until),
                Hold::Unknown,
                stamp,
            ),
            Ok(Adopted::NotHeld) => (VoteState::Lost, Hold::Absent, None),
            Ok(Adopted::Contested) => {
                let limit = validity::adoption_limit(lease.node_timeout());
                (VoteState::Busy(Some(limit)), Hold::Absent, None)
            }
            Err(error) => {
                let hold = ActiveLease::hold_after(&error);
                (VoteState::Failed(error), hold, None)
            }
        };
        lease.vote(node, vote, hold, stamp);
        lease.observe(stamp);
    }

    fn is_wanted(&self) -> bool {
        !matches!(self.0.lock().phase, Phase::Ended(_))
    }
}

/// The first extension of a lease that is being adopted.
struct FirstExtension {
    lease: Arc<ActiveLease>,
    /// The moment just before the first command was submitted.
    sent: Moment,
    responses: Arc<Responses<Extension>>,
}

impl ResponseSink<Extension> for FirstExtension {
    fn on_response(&self, node: usize, result: NodeResult<Extension>) {
        let (lease, sent) = (&self.lease, self.sent);
        let result = lease.unless_without_vote(node, result);
        let expiry = lease.expiry(sent, lease.ttl);
        let outlast = lease.outlast();
        let moved = {
            let mut state = lease.lock();
            match (state.phase, &result) {
                (Phase::Acquiring, Ok(Extension::Confirmed)) => {
                    state.holds.set(node, Hold::Until(expiry), sent);
                }
                (Phase::Held, Ok(Extension::Confirmed)) => {
                    let _counts = state.holds.confirm(node, sent, expiry, || outlast);
                }
                // Not of a node that has refused the adoption: nothing is to be returned there.
                (Phase::Acquiring | Phase::Held, Ok(Extension::NotHeld))
                    if state.holds.get(node).may_hold() =>
                {
                    let _counts = state.holds.lose(node, sent, Moment::now());
                    if state.phase == Phase::Acquiring {
                        state.tally.set(node, VoteState::Lost);
                    }
                }
                (Phase::Acquiring, Err(error)) => {
                    let error = NodeError::new(error.kind(), error.message());
                    state.tally.set(node, VoteState::Failed(error));
                }
                _ => {}
            }
            (state.phase == Phase::Held).then(|| lease.update_deadline(&mut state))
        };
        if let Some(moved) = moved {
            lease.apply_deadline(moved);
        }
        self.responses.on_response(node, result);
    }

    fn is_wanted(&self) -> bool {
        !matches!(self.lease.lock().phase, Phase::Ended(_))
    }
}
