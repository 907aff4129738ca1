//! Extensions of a lease, in the background and on request.
//!
//! An extension is due about every third of the ttl. It goes to every node that holds the key. A
//! confirmation moves that node's expiry; a definite "not held" removes the node; silence and
//! errors change nothing. Without a quorum of confirmations the next attempt follows after a node
//! timeout, until the deadline.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::engine::timer::Timed;
use crate::error::{ExtendError, LossReason};
use crate::lease::ActiveLease;
use crate::lease::state::{Attempt, Phase, State};
use crate::node::{Command, Extend, Extension, NodeResult, Responder, ResponseSink};
use crate::quorum;
use crate::quorum::Verdict;
use crate::quorum::responses::{self, NodeResults, Responses};
use crate::quorum::vote::VoteState;
use crate::time::clock::Moment;
use crate::time::validity;

/// One extension, sent to all nodes of a lease.
struct Extending {
    lease: Arc<ActiveLease>,
    /// The moment just before the first command was submitted. Confirmed ttls count from here.
    sent: Moment,
    ttl: Duration,
    /// The number of the background attempt; `None` for an extension on request.
    attempt: Option<u32>,
    responses: Arc<Responses<Extension>>,
}

impl ActiveLease {
    /// The time from one background extension to the next.
    pub(super) fn extend_interval(&self) -> Duration {
        validity::extend_interval(self.ttl)
    }

    /// Extends the lease if that is due, and ends it if it is over.
    fn extend_if_due(self: &Arc<Self>) {
        if self.expire_if_due().is_some() {
            return;
        }
        let attempt = {
            let mut state = self.lock();
            if state.phase != Phase::Held {
                return;
            }
            let now = Moment::now();
            let is_due = self.auto_extend && now >= state.extend_at;
            let attempt = is_due.then(|| {
                state.attempt = Attempt {
                    number: state.attempt.number.wrapping_add(1),
                    confirmed: 0,
                };
                // The next attempt, unless a quorum confirms this one before.
                let retry = now.checked_add(self.node_timeout());
                state.extend_at = retry.unwrap_or(state.extend_at);
                state.attempt.number
            });
            self.arm(&mut state);
            attempt
        };
        if let Some(attempt) = attempt {
            self.send_extensions(self.ttl, Some(attempt));
        }
    }

    /// Sets the timer to the next extension or the deadline, whichever comes first.
    pub(super) fn arm(self: &Arc<Self>, state: &mut State) {
        let Some(deadline) = state.deadline() else {
            return;
        };
        let end = validity::act_before(deadline, self.ttl);
        let next = if self.auto_extend {
            state.extend_at.min(end)
        } else {
            end
        };
        if let Some(old) = state.timer.take() {
            self.engine.timers().remove(old);
        }
        let timed: Weak<Self> = Arc::downgrade(self);
        state.timer = self.engine.timers().insert(next, timed);
    }

    /// Extends the lease to `ttl` from now, unless it already lasts longer.
    ///
    /// Cancel safe: confirmations of an extension that was sent still count.
    pub(crate) async fn extend(self: &Arc<Self>, ttl: Duration) -> Result<Duration, ExtendError> {
        self.engine.config().check_ttl(ttl)?;
        if let Some(lost) = self.expire_if_due() {
            return Err(lost.into());
        }
        let responses = self.send_extensions(ttl, None);
        let quorum = self.engine.quorum();
        let verdict = |results: &NodeResults<Extension>| {
            let responded = results.iter().flatten();
            let confirmed = responded
                .clone()
                .filter(|result| **result == Ok(Extension::Confirmed))
                .count();
            quorum.verdict(confirmed, responded.count() - confirmed)
        };
        let results = responses
            .until(self.engine.node_timeout(ttl), |results| {
                verdict(results) != Verdict::Open
            })
            .await;
        if let Some(lost) = self.expire_if_due() {
            return Err(lost.into());
        }
        if verdict(&results) == Verdict::Reached {
            return Ok(self.remaining());
        }
        Err(self.not_extended(&results))
    }

    /// Sends an extension to every node that holds the key. All other nodes count as a response of
    /// "not held".
    fn send_extensions(
        self: &Arc<Self>,
        ttl: Duration,
        attempt: Option<u32>,
    ) -> Arc<Responses<Extension>> {
        let responses = Responses::new(self.engine.quorum().nodes());
        let sent = Moment::now();
        let ttl = self.within_max_hold(ttl, sent);
        let holders: Vec<bool> = {
            let mut state = self.lock();
            let gone = validity::gone_by(sent, ttl, self.engine.config().drift_factor);
            state.gone_by = state.gone_by.max(gone);
            let nodes = 0..state.tally.quorum().nodes();
            nodes
                .map(|node| matches!(state.tally.get(node), VoteState::Granted(_)))
                .collect()
        };
        let sink = Arc::new(Extending {
            lease: Arc::clone(self),
            sent,
            ttl,
            attempt,
            responses: Arc::clone(&responses),
        });
        for (node, holds) in holders.into_iter().enumerate() {
            if !holds {
                responses.on_response(node, Ok(Extension::NotHeld));
                continue;
            }
            let responder = Responder::new(Arc::<Extending>::clone(&sink), node);
            let (keys, id) = (self.keys.clone(), self.id.clone());
            let extend =
                Extend::new(keys, id, ttl, responder).fence_retention(self.fence_retention());
            self.engine.submit(node, Command::Extend(extend));
        }
        responses
    }

    /// Shortens a ttl to the end that `max_hold` sets.
    fn within_max_hold(&self, ttl: Duration, now: Moment) -> Duration {
        self.hold_until
            .map_or(ttl, |end| ttl.min(validity::remaining(end, now)))
    }

    /// Records one node's response to an extension.
    fn extended(
        self: &Arc<Self>,
        node: usize,
        result: &NodeResult<Extension>,
        extending: &Extending,
    ) {
        let is_gone = {
            let mut state = self.lock();
            // Only a node that granted the key can extend it.
            let VoteState::Granted(expiry) = *state.tally.get(node) else {
                return;
            };
            match result {
                Ok(Extension::Confirmed) => {
                    let confirmed = self.expiry_of(extending);
                    state
                        .tally
                        .set(node, VoteState::Granted(expiry.max(confirmed)));
                    self.count_confirmation(&mut state, extending);
                }
                Ok(Extension::NotHeld) => state.tally.set(node, VoteState::Lost),
                // Errors change nothing: the node keeps the key until the expiry that it
                // confirmed before.
                Err(_) => return,
            }
            state.tally_changed();
            state.phase == Phase::Held && state.deadline().is_none()
        };
        if is_gone {
            self.lose(LossReason::Gone);
        }
    }

    fn expiry_of(&self, extending: &Extending) -> Moment {
        validity::expiry(
            extending.sent,
            extending.ttl,
            self.engine.config().drift_factor,
        )
    }

    /// Counts a confirmation. A quorum of them sets the next extension to its usual time.
    fn count_confirmation(&self, state: &mut State, extending: &Extending) {
        if extending.attempt != Some(state.attempt.number) {
            return;
        }
        state.attempt.confirmed += 1;
        if state.attempt.confirmed == self.engine.quorum().needed() {
            let delay = self.engine.jitter().before(self.extend_interval());
            state.extend_at = extending.sent.checked_add(delay).unwrap_or(state.extend_at);
        }
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
    }

    fn on_shutdown(self: Arc<Self>) {
        self.lose(LossReason::Shutdown);
    }
}

impl ResponseSink<Extension> for Extending {
    fn on_response(&self, node: usize, result: NodeResult<Extension>) {
        self.lease.extended(node, &result, self);
        self.responses.on_response(node, result);
    }
}
