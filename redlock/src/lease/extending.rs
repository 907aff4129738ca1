//! An extension in flight, and what its responses decide.
//!
//! A confirmation moves the node's expiry; a definite "not held" removes the node; silence and
//! errors change nothing. A node that still lacks the keys at the next extension is
//! [re-armed](super::rearm) once a quorum of others has confirmed that extension. Not before, because
//! an unlock elsewhere deletes the keys at one node after the other, and must prevail.

use std::sync::Arc;
use std::time::Duration;

use crate::error::LossReason;
use crate::lease::ActiveLease;
use crate::lease::state::{Phase, RearmGrant, State};
use crate::node::{Extension, NodeResult, ResponseSink};
use crate::quorum::hold::Hold;
use crate::quorum::responses::Responses;
use crate::sync::Mutex;
use crate::time::clock::Moment;

/// One extension, sent to all nodes of a lease.
pub(super) struct Extending {
    lease: Arc<ActiveLease>,
    /// The moment just before the first command was submitted. Confirmed ttls count from here.
    sent: Moment,
    pub(super) ttl: Duration,
    /// The reason for the extension.
    reason: Reason,
    progress: Mutex<Progress>,
    pub(super) responses: Arc<Responses<Extension>>,
}

/// The reason for an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is due. The number of the attempt.
    Due(u32),
    /// The caller requested it.
    Requested,
    /// One node has come back.
    Returned,
    /// The keys of one node were put back.
    Rearmed,
}

/// The responses to one extension so far.
#[derive(Default)]
struct Progress {
    confirmed: usize,
    /// Nodes that still lack the keys, to be re-armed once a quorum of others has confirmed.
    missing: Vec<usize>,
}

impl ActiveLease {
    /// An extension that is about to be sent.
    pub(super) fn extending(self: &Arc<Self>, ttl: Duration, reason: Reason) -> Arc<Extending> {
        let sent = Moment::now();
        let ttl = self.within_max_hold(ttl, sent);
        self.lock().keys_may_stay(self.gone_by(sent, ttl));
        Arc::new(Extending {
            lease: Arc::clone(self),
            sent,
            ttl,
            reason,
            progress: Mutex::default(),
            responses: Responses::new(self.engine.quorum().nodes()),
        })
    }

    /// Records one node's response to an extension. Returns whether it counts.
    fn extended(
        self: &Arc<Self>,
        node: usize,
        result: &NodeResult<Extension>,
        extending: &Extending,
    ) -> bool {
        // A lease that is over does not come back, even if no timer has noticed its end.
        if self.remaining().is_zero() {
            return false;
        }
        let (is_gone, is_first_miss, missing) = {
            let mut state = self.lock();
            if state.phase != Phase::Held {
                return false;
            }
            let was_gone = state.holds.get(node) == Hold::Gone;
            let counts = match result {
                Ok(Extension::Confirmed) => {
                    let expiry = self.expiry(extending.sent, extending.ttl);
                    state.holds.confirm(node, extending.sent, expiry)
                }
                Ok(Extension::NotHeld) => state.holds.lose(node, extending.sent),
                // Errors change nothing: the node keeps the key until the expiry that it
                // confirmed before.
                Err(_) => false,
            };
            if !counts {
                return false;
            }
            if *result == Ok(Extension::Confirmed) {
                self.count_confirmation(&mut state, extending);
            }
            let before = state.deadline();
            state.holds_changed();
            if state.deadline() < before {
                self.arm(&mut state);
            }
            // A node that loses its keys at once, again and again, is left to the usual extensions.
            let is_miss = *result == Ok(Extension::NotHeld) && extending.reason != Reason::Rearmed;
            let is_first_miss = is_miss && !was_gone;
            let missing = (is_miss && was_gone).then_some(node);
            let is_confirmed = *result == Ok(Extension::Confirmed);
            let missing = extending.missing(missing, is_confirmed, self.engine.quorum().needed());
            (state.deadline().is_none(), is_first_miss, missing)
        };
        if is_gone {
            self.lose(LossReason::Gone);
            return true;
        }
        if is_first_miss {
            // After a node timeout, because an unlock elsewhere may be deleting the keys just now.
            self.extend_early(self.node_timeout(), Duration::ZERO);
        } else if extending.reason == Reason::Returned && *result == Ok(Extension::NotHeld) {
            self.extend_early(Duration::ZERO, self.node_timeout());
        }
        for node in missing {
            self.rearm(node, extending.rearm_grant());
        }
        true
    }

    /// Counts a confirmation. A quorum of them sets the next extension to its usual time.
    fn count_confirmation(&self, state: &mut State, extending: &Extending) {
        if extending.reason != Reason::Due(state.attempt.number) {
            return;
        }
        state.attempt.confirmed += 1;
        if state.attempt.confirmed == self.engine.quorum().needed() {
            let delay = self.engine.jitter().before(self.extend_interval());
            state.extend_at = extending.sent.checked_add(delay).unwrap_or(state.extend_at);
        }
    }
}

impl Extending {
    /// The entitlement to re-arm nodes that a quorum of confirmations gives.
    fn rearm_grant(&self) -> RearmGrant {
        let timeout = self.lease.node_timeout();
        RearmGrant {
            until: self.sent.checked_add(timeout).unwrap_or(self.sent),
            refused: 0,
        }
    }

    /// Records a response. Returns the nodes to re-arm: those that still lack the keys, once a
    /// quorum of others has confirmed.
    fn missing(&self, missing: Option<usize>, is_confirmed: bool, quorum: usize) -> Vec<usize> {
        let mut progress = self.progress.lock();
        progress.confirmed += usize::from(is_confirmed);
        progress.missing.extend(missing);
        if progress.confirmed < quorum {
            return Vec::new();
        }
        std::mem::take(&mut progress.missing)
    }
}

impl ResponseSink<Extension> for Extending {
    fn on_response(&self, node: usize, result: NodeResult<Extension>) {
        let result = self.lease.unless_without_vote(node, result);
        let counts = self.lease.extended(node, &result, self);
        // A confirmation that does not count must not satisfy the caller.
        let result = result.map(|extension| {
            if counts {
                extension
            } else {
                Extension::NotHeld
            }
        });
        self.responses.on_response(node, result);
    }

    fn is_wanted(&self) -> bool {
        self.lease.lock().phase == Phase::Held
    }
}
