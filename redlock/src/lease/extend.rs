//! Extensions of a lease, in the background and on request.
//!
//! An extension is due about every third of the ttl. It goes to every node. Without a quorum of
//! [confirmations](super::extending) the next attempt follows after a node timeout, until the
//! deadline.
//!
//! No attempt adds a second command to the queue of a node that owes a response to the first, unless
//! that is most likely lost. It would only make an overload worse. A late confirmation counts from the
//! moment at which its command was sent. A lease with a ttl of 30 s, and nodes 2 and 3 in an overload:
//!
//! ```text
//! time     node  1          2          3          deadline
//! 10.0 s         extend     extend     extend     29.7 s
//! 10.1 s         confirmed
//! 11.3 s                    (unanswered)          enough for a quorum: nothing is sent
//! 14.0 s                    confirmed             39.7 s
//! 19.1 s         extend     extend                node 3 still owes its response
//! ```

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::engine::registry::LiveLease;
use crate::engine::timer::Timed;
use crate::error::{ExtendError, InvalidRequest, LossReason};
use crate::lease::ActiveLease;
use crate::lease::extending::{Extending, Reason};
use crate::lease::state::{Attempt, Phase, State};
use crate::lease_id::LeaseId;
use crate::node::{Command, Extend, ExtendTerms, Extension, Keys, Responder, Watcher};
use crate::quorum;
use crate::quorum::Verdict;
use crate::quorum::hold::Hold;
use crate::quorum::per_node::Selection;
use crate::quorum::responses::{self, NodeResults, Responses};
use crate::time::clock::Moment;
use crate::time::validity;

impl ActiveLease {
    /// The time from one background extension to the next.
    pub(super) fn extend_interval(&self) -> Duration {
        validity::extend_interval(self.ttl)
    }

    /// The moment of an extension that is due at this time after `start`.
    pub(super) fn extension_at(&self, start: Moment, delay: Duration) -> Option<Moment> {
        let tick = validity::extension_tick(self.ttl);
        let at = start.checked_add(delay)?;
        Some(self.engine.timers().align(at, tick))
    }

    /// Extends the lease if that is due, and ends it if it is over.
    fn extend_if_due(self: &Arc<Self>) {
        let timeout = self.node_timeout();
        let (attempt, refusal, now) = {
            let mut state = self.lock();
            let now = Moment::now();
            // Without a deadline, the lease has ended or is about to.
            let Some(deadline) = state.deadline() else {
                return;
            };
            if now >= validity::act_before(deadline, self.ttl) {
                drop(state);
                return self.lose(LossReason::Expired);
            }
            let is_due = self.auto_extend && now >= state.extend_at;
            let refusal = is_due.then(|| self.refusal(&mut state, timeout)).flatten();
            let attempt = is_due.then(|| self.next_attempt(&mut state, now, timeout));
            self.arm(&mut state);
            (attempt.flatten(), refusal, now)
        };
        if let Some(refusal) = refusal {
            self.log_refusal(&refusal);
        }
        if let Some((number, nodes)) = attempt {
            self.send_extensions(self.ttl, Reason::Due(number), &nodes, None, now);
        }
    }

    /// Begins the attempt that is due. Returns its number and its nodes, unless the last one is still
    /// in progress.
    fn next_attempt(
        &self,
        state: &mut State,
        now: Moment,
        timeout: Duration,
    ) -> Option<(u32, Selection)> {
        // The next attempt, unless a quorum confirms this one before. Those of many leases that were
        // refused together do not stay together.
        let retry = timeout.saturating_add(self.engine.jitter().up_to(timeout / 2));
        state.extend_at = self.extension_at(now, retry).unwrap_or(state.extend_at);
        let (quorum, limit) = (self.engine.quorum(), validity::lost_after(self.ttl));
        let nodes = Selection::of(quorum.nodes(), |node| {
            !state.watching.is_extending(node, now, limit)
        });
        let unanswered = quorum.nodes() - nodes.len();
        let attempt = &mut state.attempt;
        let is_recent = now.saturating_since(attempt.sent) < self.extend_interval();
        let is_in_progress = !state.is_early
            && is_recent
            && attempt.confirmed() < quorum.needed()
            && attempt.confirmed() + unanswered >= quorum.needed();
        if is_in_progress || nodes.len() == 0 {
            return None;
        }
        *attempt = Attempt {
            number: attempt.number.wrapping_add(1),
            sent: now,
            confirmed: 0,
        };
        state.is_early = false;
        Some((attempt.number, nodes))
    }

    /// Sets the timer to whatever is next: an extension, a re-arm, or the deadline.
    pub(super) fn arm(self: &Arc<Self>, state: &mut State) {
        let Some(deadline) = state.deadline() else {
            return;
        };
        let end = validity::act_before(deadline, self.ttl);
        let extension = self.auto_extend.then_some(state.extend_at);
        let next = state.retries_due().chain(extension).fold(end, Moment::min);
        if let Some(old) = state.timer.take() {
            self.engine.timers().remove(old);
        }
        let timed: Weak<Self> = Arc::downgrade(self);
        state.timer = self.engine.timers().insert(next, timed);
    }

    /// Brings the next extension forward to `delay` from now, but not closer than `gap` to the one
    /// before: a node may come back again and again.
    pub(super) fn extend_early(self: &Arc<Self>, delay: Duration, gap: Duration) {
        let mut state = self.lock();
        if state.phase != Phase::Held || !self.auto_extend || state.is_early {
            return;
        }
        let soon = Moment::now().checked_add(delay);
        let earliest = state.attempt.sent.checked_add(gap);
        let Some(at) = soon.max(earliest) else {
            return;
        };
        state.is_early = true;
        state.extend_at = state.extend_at.min(at);
        // Confirmations of an attempt in flight do not put it off again.
        state.attempt.number = state.attempt.number.wrapping_add(1);
        self.arm(&mut state);
    }

    /// Extends the lease to `ttl` from now, unless it already lasts longer.
    ///
    /// Cancel safe: confirmations of an extension that was sent still count.
    pub(crate) async fn extend(self: &Arc<Self>, ttl: Duration) -> Result<Duration, ExtendError> {
        self.engine.config().check_ttl(ttl)?;
        if !self.engine.deadlines().can_wait() {
            return Err(InvalidRequest::NoRuntime.into());
        }
        if let Some(lost) = self.expire_if_due() {
            return Err(lost.into());
        }
        let quorum = self.engine.quorum();
        let all = Selection::of(quorum.nodes(), |_| true);
        let responses = Responses::new(quorum.nodes());
        let collector = Some(Arc::clone(&responses));
        self.send_extensions(ttl, Reason::Requested, &all, collector, Moment::now());
        let verdict = |results: &NodeResults<Extension>| {
            let responded = results.iter().flatten();
            let confirmed = responded
                .clone()
                .filter(|result| **result == Ok(Extension::Confirmed))
                .count();
            quorum.verdict(confirmed, responded.count() - confirmed)
        };
        let end = Moment::now().saturating_add(self.engine.node_timeout(ttl));
        let is_decided = |results: &_| verdict(results) != Verdict::Open;
        let deadlines = self.engine.deadlines();
        let results = responses.until(deadlines, end, is_decided).await;
        if let Some(lost) = self.expire_if_due() {
            return Err(lost.into());
        }
        if verdict(&results) == Verdict::Reached {
            return Ok(self.remaining());
        }
        Err(self.not_extended(&results))
    }

    /// Sends an extension to these nodes. `responses` collects their responses.
    fn send_extensions(
        self: &Arc<Self>,
        ttl: Duration,
        reason: Reason,
        nodes: &Selection,
        responses: Option<Arc<Responses<Extension>>>,
        now: Moment,
    ) {
        let extending = self.extending(ttl, reason, nodes, responses, now);
        let terms = self.extend_terms(extending.ttl);
        for node in nodes.iter() {
            let responder = Responder::new(Arc::<Extending>::clone(&extending), node);
            let extend =
                Extend::with_terms(Arc::clone(&terms), responder).watch(extending.watch(node));
            self.engine.submit(node, Command::Extend(extend));
        }
        // The lease may have ended since it was found to be held. Its release is then ahead of the
        // extensions, which would prolong keys that stay until the end of `hold_at_least`.
        self.release_behind(nodes.iter());
    }

    /// Extends the lease at one node. If a node that has come back lacks the keys, all nodes follow, so
    /// that it can be re-armed.
    pub(super) fn extend_node(self: &Arc<Self>, node: usize, reason: Reason) {
        // Without automatic extension, this finds out about the keys and leaves their expiry.
        let ttl = if self.auto_extend {
            self.ttl
        } else {
            Duration::ZERO
        };
        let only = Selection::of(self.engine.quorum().nodes(), |other| other == node);
        self.send_extensions(ttl, reason, &only, None, Moment::now());
    }

    /// Sends the label of the holder to the nodes that have the keys, if there is one. It travels with an
    /// extension, which also registers for changes of the keys.
    pub(super) fn send_label(self: &Arc<Self>) {
        if self.engine.config().label.is_none() {
            return;
        }
        let nodes = {
            let state = self.lock();
            let has_keys = |node| matches!(state.holds.get(node), Hold::Until(_));
            Selection::of(self.engine.quorum().nodes(), has_keys)
        };
        // Without automatic extension, the expiry is left.
        let ttl = if self.auto_extend {
            self.ttl
        } else {
            Duration::ZERO
        };
        self.send_extensions(ttl, Reason::Labelled, &nodes, None, Moment::now());
    }

    /// The same, to a node that has granted the keys late.
    pub(super) fn send_late_label(&self, node: usize) {
        let has_label = self.engine.config().label.is_some();
        if let Some(lease) = self.itself.upgrade().filter(|_| has_label) {
            lease.extend_node(node, Reason::Labelled);
        }
    }

    /// What every node extends.
    fn extend_terms(&self, ttl: Duration) -> Arc<ExtendTerms> {
        let terms = ExtendTerms::new(self.keys.clone(), self.id.clone(), ttl)
            .fence_retention(self.fence_retention())
            .label(self.engine.config().label.clone());
        Arc::new(terms)
    }

    /// Shortens a ttl to the end that `max_hold` sets.
    pub(super) fn within_max_hold(&self, ttl: Duration, now: Moment) -> Duration {
        self.hold_until
            .map_or(ttl, |end| ttl.min(validity::remaining(end, now)))
    }

    fn not_extended(&self, results: &NodeResults<Extension>) -> ExtendError {
        let quorum = self.engine.quorum();
        let confirmed = results
            .iter()
            .flatten()
            .filter(|result| **result == Ok(Extension::Confirmed))
            .count();
        let failures = responses::failures(results, self.engine.names());
        ExtendError::NoQuorum {
            confirmed: quorum::nodes(confirmed),
            needed: quorum::nodes(quorum.needed()),
            nodes: quorum::nodes(quorum.nodes()),
            failures,
        }
    }
}

impl Timed for ActiveLease {
    fn on_timer(self: Arc<Self>) {
        self.extend_if_due();
        self.rearm_due();
    }
}

impl LiveLease for ActiveLease {
    fn on_node_connected(self: Arc<Self>, node: usize, are_many: bool) {
        if are_many {
            let part = validity::extension_spread(self.ttl);
            let delay = self.engine.jitter().up_to(part);
            self.extend_early(delay, part.max(self.node_timeout()));
        } else if self.auto_extend {
            self.extend_node(node, Reason::Returned);
        }
    }

    fn id(&self) -> &LeaseId {
        Self::id(self)
    }

    fn on_adopted(self: Arc<Self>, keys: &Keys) {
        if self.has_any(keys.as_slice()) {
            self.lose(LossReason::Adopted);
        }
    }

    fn on_unlocked(
        self: Arc<Self>,
        keys: &Keys,
        why: LossReason,
        release: &mut dyn FnMut(),
    ) -> bool {
        self.has_any(keys.as_slice()) && self.is_held() && self.end_unlocked(why, release)
    }

    fn on_shutdown(self: Arc<Self>) {
        self.lose(LossReason::Shutdown);
    }
}

impl Watcher for ActiveLease {
    /// Extends the lease at the node. The response shows whether the keys are there.
    fn key_changed(&self, node: usize) {
        {
            let mut state = self.lock();
            if state.phase != Phase::Held || !state.watching.reported(node) {
                return;
            }
        }
        let Some(lease) = self.itself.upgrade() else {
            return;
        };
        if !self.auto_extend || self.engine.registry().admits() {
            lease.extend_node(node, Reason::Changed);
        } else {
            let part = validity::extension_spread(self.ttl);
            let delay = self.engine.jitter().up_to(part);
            lease.extend_early(delay, part.max(self.node_timeout()));
        }
    }
}
