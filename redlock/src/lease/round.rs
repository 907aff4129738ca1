//! One attempt at all nodes, under a lease id of its own.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::config::LockOptions;
use crate::engine::Engine;
use crate::error::NodeError;
use crate::lease::state::{End, Phase, State};
use crate::lease::{ActiveLease, Contention};
use crate::lease_id::LeaseId;
use crate::node::session_group;
use crate::node::{
    Command, Extend, ExtendTerms, Extension, Keys, NodeResult, ResponseSink, Stamp, Vote,
};
use crate::quorum::Verdict;
use crate::quorum::hold::Hold;
use crate::quorum::responses::{NodeResults, Responses};
use crate::quorum::tally::Tally;
use crate::quorum::vote::VoteState;
use crate::resource::Resources;
use crate::time::clock::Moment;
use crate::time::validity;

/// A round in progress. Dropping it abandons it: every grant, even one that arrives later, is
/// released. What was adopted is returned.
#[derive(Debug)]
pub(crate) struct Round {
    lease: Arc<ActiveLease>,
    /// The time within which the nodes must respond.
    timeout: Duration,
    is_adoption: bool,
    is_won: bool,
    /// Whether the caller has the outcome, and goes on.
    is_refused: bool,
}

/// The votes of a round that was lost.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Tally);

/// The end of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Won,
    Lost,
    /// It would be won, but has taken long: a quorum must be found to still have the keys.
    Unchecked,
}

impl Round {
    /// Sends an acquire to all nodes at once, under a fresh lease id. They may take `timeout` to
    /// respond. Nodes that refuse add the contender, if there is one, to their waiting lists.
    pub(crate) fn start(
        engine: &Arc<Engine>,
        resources: &Resources,
        keys: &Keys,
        options: &LockOptions,
        timeout: Duration,
        contention: Contention,
    ) -> Self {
        let id = LeaseId::draw();
        let lease = {
            let (resources, keys) = (resources.clone(), keys.clone());
            ActiveLease::new(engine, resources, keys, id, options, contention.clone())
        };
        lease.apply_everywhere(&contention);
        Self {
            lease,
            timeout,
            is_adoption: false,
            is_won: false,
            is_refused: false,
        }
    }

    /// Wraps the round of an adoption, whose commands are submitted.
    pub(super) fn of_adoption(lease: Arc<ActiveLease>) -> Self {
        Self {
            timeout: lease.node_timeout(),
            lease,
            is_adoption: true,
            is_won: false,
            is_refused: false,
        }
    }

    /// Waits until the outcome is certain, at most for the node timeout. Returns the held lease, or
    /// the votes against it.
    ///
    /// Cancel safe: dropping this drops the round.
    pub(crate) async fn outcome(mut self) -> Result<Arc<ActiveLease>, Refused> {
        let timeout = self.timeout;
        let end = self.lease.sent_at.saturating_add(timeout);
        let is_decided = |tally: &Tally| tally.verdict() != Verdict::Open;
        let _decided = self.until(end, is_decided).await;
        self.is_won = self.finish(end).await;
        if !self.is_won {
            // Nodes that failed at once may have decided the round. The others get a moment more, so
            // that the error names the nodes that failed and not those that were merely slower.
            let grace = Moment::now().saturating_add(validity::grace(timeout));
            let is_explained = |tally: &Tally| tally.is_busy() || tally.is_complete();
            let _explained = self.until(grace.min(end), is_explained).await;
            self.is_won = self.finish(end).await;
        }
        if self.is_won {
            self.lease.send_label();
            return Ok(Arc::clone(&self.lease));
        }
        self.is_refused = true;
        Err(Refused(self.lease.lock().tally.take()))
    }

    /// Mints the token and checks the keys, as far as that is needed. Returns whether the lease is
    /// held.
    async fn finish(&self, end: Moment) -> bool {
        let lease = &self.lease;
        lease.mint(end).await;
        if self.is_adoption {
            Box::pin(lease.extend_adopted(end)).await;
            return lease.try_finish(true) == Finish::Won;
        }
        match lease.try_finish(false) {
            Finish::Won => true,
            Finish::Lost => false,
            Finish::Unchecked => {
                // Boxed, because it is rare, and part of the future of every request.
                let are_there = Box::pin(lease.check_keys()).await;
                are_there && lease.try_finish(true) == Finish::Won
            }
        }
    }

    /// Waits until the tally meets the condition, at most until `end`.
    fn until(
        &self,
        end: Moment,
        enough: impl Fn(&Tally) -> bool,
    ) -> impl Future<Output = Option<()>> {
        let waiting = self.lease.state.until(move |state| enough(&state.tally));
        self.lease.engine.deadlines().until(end, waiting)
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        if !self.is_won && self.lease.end(End::Abandoned) && !self.is_refused {
            // The caller does not wait for anything any more.
            session_group::leave_to_any_thread();
        }
    }
}

impl ActiveLease {
    /// Turns a won round into a held lease, if a quorum granted the lock and enough validity is left.
    /// `is_checked`: whether a quorum was found to still have the keys.
    fn try_finish(self: &Arc<Self>, is_checked: bool) -> Finish {
        let mut state = self.lock();
        // Under the lock: a grant that arrives after this reading must not count, or it would make an
        // old round young.
        let now = Moment::now();
        let enough = now.checked_add(validity::min_validity(self.ttl));
        let deadline = state.holds_changed();
        let is_won = state.phase == Phase::Acquiring
            && state.tally.verdict() == Verdict::Reached
            && deadline >= enough
            && enough.is_some()
            // With fencing on, there is no guard without a token.
            && (self.proposal.is_none() || state.fencing_token.is_some());
        if is_won && !is_checked && !self.is_young(now) {
            return Finish::Unchecked;
        }
        if is_won {
            state.phase = Phase::Held;
            // An idle guard is smaller without the votes, and without what the acquires said.
            drop(state.tally.take());
            state.terms = None;
            // Nodes that apply again now join without a waiter.
            state.contention.wakeup = None;
            state.forget_contender();
            let live: Weak<Self> = Arc::downgrade(self);
            state.slot = Some(self.engine.registry().insert(&self.id, live));
            self.schedule_first(&mut state);
            return Finish::Won;
        }
        Finish::Lost
    }

    /// Whether the grants of the round count together.
    fn is_young(&self, now: Moment) -> bool {
        now.saturating_since(self.sent_at) <= validity::ROUND_LIMIT
    }

    /// Checks that a quorum still has the keys, if the round was granted the lock. Needed if it took
    /// long. There was then a moment at which all of them had the keys: when the check was sent.
    async fn check_keys(self: &Arc<Self>) -> bool {
        let granted: Vec<usize> = {
            let state = self.lock();
            if state.tally.verdict() != Verdict::Reached {
                return false;
            }
            let is_granted = |node: &usize| matches!(state.tally.get(*node), VoteState::Granted(_));
            (0..state.tally.quorum().nodes())
                .filter(is_granted)
                .collect()
        };
        let responses = Responses::new(self.engine.quorum().nodes());
        let (keys, id) = (self.keys.clone(), self.id.clone());
        let terms = Arc::new(ExtendTerms::new(keys, id, self.ttl));
        for node in &granted {
            let check = Extend::with_terms(Arc::clone(&terms), responses.responder(*node));
            self.engine.submit(*node, Command::Extend(check));
        }
        let needed = self.engine.acquire_quorum().needed();
        let confirmed = |results: &NodeResults<Extension>| {
            let is_confirmed = |it: &&NodeResult<Extension>| **it == Ok(Extension::Confirmed);
            results.iter().flatten().filter(is_confirmed).count()
        };
        let is_decided = |results: &NodeResults<Extension>| {
            let responded = results.iter().flatten().count();
            confirmed(results) >= needed || responded == granted.len()
        };
        let end = Moment::now().saturating_add(self.node_timeout());
        let deadlines = self.engine.deadlines();
        let results = responses.until(deadlines, end, is_decided).await;
        confirmed(&results) >= needed
    }

    /// Arms the timer of a lease that was just won.
    fn schedule_first(self: &Arc<Self>, state: &mut State) {
        let (jitter, interval) = (self.engine.jitter(), self.extend_interval());
        let delay = if self.engine.registry().are_many() {
            jitter.spread(interval)
        } else {
            jitter.before(interval)
        };
        state.extend_at = self
            .extension_at(self.sent_at, delay)
            .unwrap_or(self.sent_at);
        self.arm(state);
    }

    /// Records one node's vote, and what the node holds since.
    pub(super) fn vote(&self, node: usize, vote: VoteState, hold: Hold, stamp: Option<Stamp>) {
        let mut state = self.lock();
        state.tally.set_stamp(node, stamp);
        // A late grant joins a lease that is held. After the end, the release queued behind the
        // acquire undoes it.
        state.tally.set(node, vote);
        let is_late = state.phase == Phase::Held && matches!(hold, Hold::Until(_));
        if !is_late || state.holds.may_join(node, self.outlast()) {
            state.holds.vote(node, hold, self.sent_at);
        }
        if state.phase == Phase::Held {
            state.holds_changed();
            state.forget_contender();
        }
        if is_late {
            drop(state);
            self.send_late_label(node);
        } else if state.phase == Phase::Acquiring && state.tally.verdict() != Verdict::Open {
            state.notify();
        }
    }

    /// The moment until which other nodes must hold the lease for another node to join it.
    pub(super) fn outlast(&self) -> Moment {
        self.outlast_from(Moment::now())
    }

    pub(super) fn outlast_from(&self, now: Moment) -> Moment {
        let limit = validity::round_limit(self.engine.config().drift_factor);
        now.saturating_add(limit)
    }

    /// Adapts later proposals to the counter of a node.
    pub(super) fn observe(&self, stamp: Option<Stamp>) {
        let Some(stamp) = stamp else {
            return;
        };
        let (Stamp::Moved(counter) | Stamp::Beyond(counter)) = stamp;
        let proposal = self.proposal.map(|(proposal, _)| proposal);
        // A counter up to the proposal is nothing new.
        if proposal.is_none_or(|proposal| counter > proposal) {
            self.engine.observe_counter(counter);
        }
        if let Some(proposal) = proposal {
            self.engine.observe_stamp(proposal, stamp);
        }
    }

    /// What a node holds after a command that may set keys has failed.
    pub(super) fn hold_after(error: &NodeError) -> Hold {
        if error.is_sent() {
            Hold::Unknown
        } else {
            Hold::Absent
        }
    }

    pub(super) fn expiry(&self, sent: Moment, ttl: Duration) -> Moment {
        validity::expiry(sent, ttl, self.engine.config().drift_factor)
    }
}

impl ResponseSink<Vote> for ActiveLease {
    fn on_response(&self, node: usize, result: NodeResult<Vote>) {
        if self.was_returned(node, &result) {
            return;
        }
        self.leave_if_over(node, &result);
        let (vote, hold, stamp) = match self.unless_record_changed(node, result) {
            Ok(Vote::Granted { stamp }) => {
                let expiry = self.granted_until;
                (VoteState::Granted(expiry), Hold::Until(expiry), stamp)
            }
            Ok(Vote::Busy {
                remaining, counter, ..
            }) => {
                let stamp = counter.map(Stamp::Beyond);
                (VoteState::Busy(remaining), Hold::Absent, stamp)
            }
            Ok(Vote::NotALock) => (VoteState::NotALock, Hold::Absent, None),
            Err(error) => {
                let hold = Self::hold_after(&error);
                (VoteState::Failed(error), hold, None)
            }
        };
        self.vote(node, vote, hold, stamp);
        self.observe(stamp);
    }

    fn is_wanted(&self) -> bool {
        !matches!(self.lock().phase, Phase::Ended(_))
    }
}
