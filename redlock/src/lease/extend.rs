//! Extending a lease: in the background, and when asked to.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::engine::timer::Timed;
use crate::error::{ExtendError, LossReason};
use crate::lease::ActiveLease;
use crate::lease::state::{Attempt, Phase, State};
use crate::node::{Answer, Ballot, Command, Extend, Extension, Reply};
use crate::quorum;
use crate::quorum::Verdict;
use crate::quorum::responses::{self, Answers, Gather};
use crate::quorum::vote::Standing;
use crate::time::clock::Moment;
use crate::time::validity;

/// Extensions that were sent to the nodes of a lease.
struct Extending {
    lease: Arc<ActiveLease>,
    /// Just before the first was submitted: what is confirmed counts from here.
    sent: Moment,
    ttl: Duration,
    /// The attempt in the background that this is, if it is one.
    attempt: Option<u32>,
    gather: Arc<Gather<Extension>>,
}

impl ActiveLease {
    /// How long after one extension the next is due.
    pub(super) fn extend_interval(&self) -> Duration {
        self.ttl / 3
    }

    /// Extends what is due, and ends what is over.
    fn extend_if_due(self: &Arc<Self>) {
        if self.check().is_some() {
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
                // Without a quorum by then, try again.
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

    /// Sets the timer for whatever comes next.
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

    /// Extends the lease to `ttl` from now, if it is held for less.
    ///
    /// Cancel safe: what was sent is still counted when it is confirmed.
    pub(crate) async fn extend(self: &Arc<Self>, ttl: Duration) -> Result<Duration, ExtendError> {
        self.engine.config().check_ttl(ttl)?;
        if let Some(lost) = self.check() {
            return Err(lost.into());
        }
        let gather = self.send_extensions(ttl, None);
        let quorum = self.engine.quorum();
        let verdict = |answers: &Answers<Extension>| {
            let answered = answers.iter().flatten();
            let confirmed = answered
                .clone()
                .filter(|answer| **answer == Ok(Extension::Confirmed))
                .count();
            quorum.verdict(confirmed, answered.count() - confirmed)
        };
        let answers = gather
            .until(self.engine.node_timeout(ttl), |answers| {
                verdict(answers) != Verdict::Open
            })
            .await;
        if let Some(lost) = self.check() {
            return Err(lost.into());
        }
        if verdict(&answers) == Verdict::Reached {
            return Ok(self.remaining());
        }
        Err(self.not_extended(&answers))
    }

    /// Sends an extension to every node that holds the key; the others have answered, as far as
    /// this lease is concerned, that they do not.
    fn send_extensions(
        self: &Arc<Self>,
        ttl: Duration,
        attempt: Option<u32>,
    ) -> Arc<Gather<Extension>> {
        let gather = Gather::new(self.engine.quorum().nodes());
        let sent = Moment::now();
        let ttl = self.within_max_hold(ttl, sent);
        let holders: Vec<bool> = {
            let mut state = self.lock();
            let gone = validity::gone_by(sent, ttl, self.engine.config().drift_factor);
            state.until = state.until.max(gone);
            let nodes = 0..state.tally.quorum().nodes();
            nodes
                .map(|node| matches!(state.tally.get(node), Standing::Holds(_)))
                .collect()
        };
        let ballot = Arc::new(Extending {
            lease: Arc::clone(self),
            sent,
            ttl,
            attempt,
            gather: Arc::clone(&gather),
        });
        for (node, holds) in holders.into_iter().enumerate() {
            if !holds {
                gather.cast(node, Ok(Extension::NotHeld));
                continue;
            }
            let reply = Reply::new(Arc::<Extending>::clone(&ballot), node);
            let (keys, id) = (self.keys.clone(), self.id.clone());
            let extend = Extend::new(keys, id, ttl, reply).fence_retention(self.fence_retention());
            self.engine.submit(node, Command::Extend(extend));
        }
        gather
    }

    /// No extension passes the end that `max_hold` sets.
    fn within_max_hold(&self, ttl: Duration, now: Moment) -> Duration {
        self.hold_until
            .map_or(ttl, |end| ttl.min(validity::remaining(end, now)))
    }

    /// Takes one node's answer to an extension.
    fn extended(self: &Arc<Self>, node: usize, answer: &Answer<Extension>, extending: &Extending) {
        let is_gone = {
            let mut state = self.lock();
            // Only a node that granted the key can keep it for longer.
            let Standing::Holds(expiry) = *state.tally.get(node) else {
                return;
            };
            match answer {
                Ok(Extension::Confirmed) => {
                    let confirmed = self.expiry_of(extending);
                    state
                        .tally
                        .set(node, Standing::Holds(expiry.max(confirmed)));
                    self.count_confirmation(&mut state, extending);
                }
                Ok(Extension::NotHeld) => state.tally.set(node, Standing::Gone),
                // Silence and errors change nothing: the node holds the key for as long as it
                // said it would.
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

    /// With a quorum of confirmations the next extension is due at the usual time.
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

    fn not_extended(&self, answers: &Answers<Extension>) -> ExtendError {
        let quorum = self.engine.quorum();
        let confirmed = answers
            .iter()
            .flatten()
            .filter(|answer| **answer == Ok(Extension::Confirmed))
            .count();
        let failures = responses::failures(answers, self.engine.names());
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

impl Ballot<Extension> for Extending {
    fn cast(&self, node: usize, answer: Answer<Extension>) {
        self.lease.extended(node, &answer, self);
        self.gather.cast(node, answer);
    }
}
