//! An extension in flight, and what its responses decide.
//!
//! A confirmation moves the node's expiry; a definite "not held" removes the node; silence and
//! errors change nothing. A node that still lacks the keys at the next extension is
//! [re-armed](super::rearm) once a quorum of others has confirmed that extension. Not before, because
//! an unlock elsewhere deletes the keys at one node after the other, and must prevail.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::deployment::Loss;
use crate::error::LossReason;
use crate::lease::ActiveLease;
use crate::lease::deadline::DeadlineMove;
use crate::lease::progress::Progress;
use crate::lease::state::{Phase, RearmGrant, State};
use crate::node::{Extension, NodeResult, RecordCheck, ResponseSink, Watch};
use crate::quorum::per_node::Selection;
use crate::quorum::responses::Responses;
use crate::sync::Mutex;
use crate::time::clock::Moment;
use crate::time::validity;

/// One extension, sent to the nodes of a lease.
pub(super) struct Extending {
    lease: Arc<ActiveLease>,
    /// The moment just before the first command was submitted. Confirmed ttls count from here.
    sent: Moment,
    pub(super) ttl: Duration,
    /// The moment until which a node that confirms it keeps the keys.
    expiry: Moment,
    /// The reason for the extension.
    reason: Reason,
    progress: Mutex<Progress>,
    /// The responses, if a caller waits for them.
    responses: Option<Arc<Responses<Extension>>>,
}

/// The reason for an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is due. The number of the attempt.
    Due(u32),
    /// The caller requested it.
    Requested,
    /// It carries the label of a holder that has just acquired the lock.
    Labelled,
    /// One node has come back.
    Returned,
    /// The keys of one node were put back.
    Rearmed,
    /// One node has reported a change of the keys.
    Changed,
}

/// What is known of a node that does not have the keys.
struct Miss {
    loss: Option<Loss>,
    /// The node timeout, within which an unlock elsewhere reaches the nodes.
    timeout: Duration,
}

/// What follows from a response to an extension.
#[derive(Default)]
struct Effects {
    /// Whether the response counts.
    counts: bool,
    deadline: DeadlineMove,
    /// Whether the node has lost the keys since the last response.
    is_first_miss: bool,
    /// When to extend early, because the node still lacks the keys and was not re-armed, and how far
    /// from the extension before.
    early: Option<(Moment, Duration)>,
    /// The nodes to re-arm.
    rearm: Vec<usize>,
    /// The record of the node, if its keys are to be restored.
    restore: Option<Arc<RecordCheck>>,
    /// Whether a quorum confirms again, after a warning that none did.
    has_recovered: bool,
    /// Whether the keys may have changed behind the extension.
    may_have_changed: bool,
}

impl ActiveLease {
    /// An extension that is about to be sent to `nodes`. The moment `sent` was read just before.
    pub(super) fn extending(
        self: &Arc<Self>,
        ttl: Duration,
        reason: Reason,
        nodes: &Selection,
        responses: Option<Arc<Responses<Extension>>>,
        sent: Moment,
    ) -> Arc<Extending> {
        let ttl = self.within_max_hold(ttl, sent);
        let count = self.engine.quorum().nodes();
        {
            let mut state = self.lock();
            state.keys_may_stay(self.gone_by(sent, ttl));
            state.watching.sent(nodes, count, sent, reason.is_due());
        }
        Arc::new(Extending {
            lease: Arc::clone(self),
            sent,
            ttl,
            expiry: self.expiry(sent, ttl),
            reason,
            progress: Mutex::default(),
            responses,
        })
    }

    /// Records one node's response to an extension. Returns whether it counts.
    fn extended(
        self: &Arc<Self>,
        node: usize,
        result: &NodeResult<Extension>,
        extending: &Extending,
    ) -> bool {
        // Before the state is locked: it locks too.
        let is_missing = *result == Ok(Extension::NotHeld);
        let miss = is_missing.then(|| Miss {
            loss: self.engine.deployment().loss(node),
            timeout: self.node_timeout(),
        });
        let effects = {
            let mut state = self.lock();
            let now = Moment::now();
            // A lease that is over does not come back, even if no timer has noticed its end.
            let deadline = state.deadline();
            if deadline.is_none_or(|end| validity::remaining(end, now).is_zero()) {
                drop(state);
                if deadline.is_some() {
                    self.lose(LossReason::Expired);
                }
                return false;
            }
            if extending.reason.is_due() {
                state.watching.extended(node, extending.sent);
            }
            self.record(&mut state, node, result, extending, miss, now)
        };
        let counts = effects.counts;
        self.carry_out(node, effects, extending);
        counts
    }

    /// Records a response in the state. Returns what follows from it.
    fn record(
        self: &Arc<Self>,
        state: &mut State,
        node: usize,
        result: &NodeResult<Extension>,
        extending: &Extending,
        miss: Option<Miss>,
        now: Moment,
    ) -> Effects {
        let sent = extending.sent;
        let mut effects = Effects {
            may_have_changed: state
                .watching
                .responded(node, sent, result, extending.registers()),
            ..Effects::default()
        };
        let (loss, timeout) = miss.map_or((None, Duration::ZERO), |it| (it.loss, it.timeout));
        let gone_at = state.holds.gone_at(node);
        match result {
            Ok(Extension::Confirmed) => {
                let outlast = || self.outlast_from(now);
                if !state.holds.confirm(node, sent, extending.expiry, outlast) {
                    return effects;
                }
                state.failures.clear(node);
                self.count_confirmation(state, extending);
            }
            Ok(Extension::NotHeld) => {
                let is_explained = |loss: &Loss| self.is_explained(state, node, loss);
                if let Some(loss) = loss.filter(is_explained) {
                    effects.restore = loss.check;
                    return effects;
                }
                if !state.holds.lose(node, sent, now) {
                    return effects;
                }
                state.failures.record_not_held(node);
            }
            Ok(Extension::Contested) => return effects,
            // Errors change nothing: the node keeps the key until the expiry that it confirmed
            // before.
            Err(error) => {
                // One that was not sent because it was too late shows that the node is silent.
                if state.holds.decides(node, sent) && !extending.is_over(now) {
                    state.failures.record(node, error.clone());
                }
                return effects;
            }
        }
        effects.counts = true;
        effects.deadline = self.update_deadline(state);
        // A node that loses its keys at once, again and again, is left to the usual extensions.
        let is_miss = *result == Ok(Extension::NotHeld) && extending.reason != Reason::Rearmed;
        effects.is_first_miss = is_miss && gone_at.is_none();
        // An unlock elsewhere that began with this node may still be deleting the keys of the others.
        let rearm_at = gone_at.and_then(|it| it.checked_add(timeout));
        let is_due = rearm_at.is_some_and(|it| it <= sent);
        if is_miss && !is_due {
            effects.early = rearm_at.map(|at| (at, Duration::ZERO));
        } else if is_miss && extending.reason == Reason::Returned {
            effects.early = Some((sent, timeout));
        }
        let missing = (is_miss && is_due).then_some(node);
        let is_confirmed = *result == Ok(Extension::Confirmed);
        let quorum = self.engine.quorum().needed();
        let progress = extending
            .progress
            .lock()
            .count(missing, is_confirmed, quorum);
        effects.rearm = progress.rearm;
        effects.has_recovered = progress.is_reached && state.failures.confirmed(sent);
        effects
    }

    /// Does what follows from a response, once the state is unlocked.
    fn carry_out(self: &Arc<Self>, node: usize, effects: Effects, extending: &Extending) {
        if self.apply_deadline(effects.deadline) {
            return;
        }
        if effects.has_recovered {
            self.log_recovery();
        }
        if effects.is_first_miss {
            let (resource, node) = (&self.resources, &self.engine.names()[node]);
            tracing::debug!(%resource, %node, "the node does not hold the lock any more");
            // After a node timeout, because an unlock elsewhere may be deleting the keys just now.
            self.extend_early(self.node_timeout(), Duration::ZERO);
        } else if let Some((at, gap)) = effects.early {
            self.extend_early(validity::remaining(at, Moment::now()), gap);
        }
        for node in effects.rearm {
            self.rearm(node, extending.rearm_grant());
        }
        if let Some(record) = effects.restore {
            self.restore(node, record);
        }
        if effects.may_have_changed {
            self.extend_node(node, Reason::Changed);
        }
    }

    /// Counts a confirmation. A quorum of them sets the next extension to its usual time.
    fn count_confirmation(self: &Arc<Self>, state: &mut State, extending: &Extending) {
        if extending.reason != Reason::Due(state.attempt.number) {
            return;
        }
        state.attempt.confirmed += 1;
        if state.attempt.confirmed() == self.engine.quorum().needed() {
            let delay = self.engine.jitter().before(self.extend_interval());
            let next = self.extension_at(extending.sent, delay);
            state.extend_at = next.unwrap_or(state.extend_at);
            // The timer of the retry would find out by itself, and read the lease from memory for it.
            self.arm(state);
        }
    }
}

impl Extending {
    /// The entitlement to re-arm nodes that a quorum of confirmations gives.
    fn rearm_grant(&self) -> RearmGrant {
        let timeout = self.lease.node_timeout();
        RearmGrant {
            until: self.sent.saturating_add(timeout),
            refused: 0,
        }
    }

    /// Whether a confirmation no longer means anything.
    fn is_over(&self, now: Moment) -> bool {
        now.saturating_since(self.sent) >= self.ttl
    }

    /// The watch that the extension registers with a node, if it does.
    pub(super) fn watch(&self, node: usize) -> Option<Watch> {
        let registers = self.reason.registers();
        registers.then(|| Watch::new(&self.lease, node))
    }

    /// The number of keys that the extension registers.
    fn registers(&self) -> usize {
        let registers = self.reason.registers();
        usize::from(registers) * self.lease.keys.as_slice().len()
    }
}

impl Reason {
    /// Whether the extension is one of those that a lease makes regularly.
    fn is_due(self) -> bool {
        matches!(self, Self::Due(_))
    }

    /// Whether the extension registers for later changes.
    ///
    /// One that follows a change or a re-arm does not: on a node that loses its keys again and
    /// again, each would lead to the next.
    fn registers(self) -> bool {
        !matches!(self, Self::Rearmed | Self::Changed)
    }
}

impl ResponseSink<Extension> for Extending {
    fn on_response(&self, node: usize, result: NodeResult<Extension>) {
        let result = self.lease.unless_contested(node, result);
        let counts = self.lease.extended(node, &result, self);
        let Some(responses) = &self.responses else {
            return;
        };
        // A confirmation that does not count must not satisfy the caller.
        let result = result.map(|extension| {
            if counts {
                extension
            } else {
                Extension::NotHeld
            }
        });
        responses.on_response(node, result);
    }

    fn on_dropped(&self, node: usize) {
        if self.reason.is_due() {
            self.lease.lock().watching.extended(node, self.sent);
        }
    }

    /// Whether the lease is held, and would be longer.
    fn is_wanted(&self) -> bool {
        let is_held = self.lease.lock().phase == Phase::Held;
        is_held && !(self.reason.is_due() && self.is_over(Moment::now()))
    }
}
