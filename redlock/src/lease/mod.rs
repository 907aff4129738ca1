//! What is true about one lease: who holds it where, until when, and how it ended.
//!
//! An [`ActiveLease`] owns everything from the first command of its round to the last release. No
//! task stands behind it: answers are cast at it by the sessions, and the timer of the engine
//! calls it. So a request that is dropped leaves the lease to end itself,
//! and an idle guard costs nothing but its memory.

mod extend;
mod mint;
mod release;
mod round;
mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use self::release::release_by_id;
pub(crate) use self::round::{Refused, Round};
use self::state::{End, Phase, ReleasePlan, State};
use crate::config::LockOptions;
use crate::engine::Engine;
use crate::error::{LockLost, LossReason};
use crate::lease_id::LeaseId;
use crate::node::{Fence, Keys};
use crate::quorum;
use crate::quorum::Tally;
use crate::resource::Resources;
use crate::sync::{Condition, Locked};
use crate::time::clock::Moment;
use crate::time::validity;
use crate::token::FencingToken;
use crate::waiting::queue::{HeadStatus, Holder, Ticket};

/// One lease id's claim on its resources at all nodes.
pub(crate) struct ActiveLease {
    engine: Arc<Engine>,
    resources: Resources,
    keys: Keys,
    id: LeaseId,
    ttl: Duration,
    auto_extend: bool,
    /// When the nodes were first asked.
    asked: Moment,
    /// The end that `max_hold` sets.
    hold_until: Option<Moment>,
    /// How long the keys stay, counted from `asked`, even if the lease is released sooner.
    hold_at_least: Option<Duration>,
    /// What the round does to the counters; `None` without fencing.
    fence: Option<Fence>,
    /// Never held while a command is submitted or somebody is woken: both may come back here.
    state: Condition<State>,
}

impl ActiveLease {
    fn new(
        engine: &Arc<Engine>,
        resources: &Resources,
        id: LeaseId,
        options: &LockOptions,
    ) -> Self {
        let asked = Moment::now();
        let ttl = options.first_ttl();
        let config = engine.config();
        Self {
            keys: resources.keys(&config.key_prefix).into(),
            resources: resources.clone(),
            id,
            ttl,
            auto_extend: options.auto_extend,
            asked,
            fence: engine.fence(),
            hold_at_least: options.hold_at_least,
            hold_until: options.max_hold.and_then(|most| asked.checked_add(most)),
            state: Condition::new(State::new(
                Tally::asked(engine.grants()),
                validity::gone_by(asked, ttl, config.drift_factor),
            )),
            engine: Arc::clone(engine),
        }
    }

    pub(crate) fn resources(&self) -> &Resources {
        &self.resources
    }

    pub(crate) fn id(&self) -> &LeaseId {
        &self.id
    }

    pub(crate) fn node_timeout(&self) -> Duration {
        self.engine.node_timeout(self.ttl)
    }

    /// How long counters are kept; `None` without fencing.
    fn fence_retention(&self) -> Option<Duration> {
        self.fence.map(|fence| fence.retention)
    }

    /// The fencing token, where one was minted.
    pub(crate) fn fencing_token(&self) -> Option<FencingToken> {
        self.lock().fencing_token
    }

    /// The time until the deadline, zero once the lease has ended. Changes nothing.
    pub(crate) fn time_left(&self) -> Duration {
        let deadline = self.lock().deadline();
        deadline.map_or(Duration::ZERO, |end| {
            validity::remaining(end, Moment::now())
        })
    }

    /// The time until the deadline. A lease that is seen to have none left ends as expired, so that
    /// it cannot come back.
    pub(crate) fn remaining(&self) -> Duration {
        let deadline = self.lock().deadline();
        if deadline.is_some_and(|end| Moment::now() >= end) {
            self.lose(LossReason::Expired);
        }
        self.time_left()
    }

    /// Whether the lease has time left. As [`remaining`](Self::remaining), ends a lease that has
    /// not.
    pub(crate) fn is_held(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// The moment to act on the deadline, somewhat before it; `None` once the lease has ended.
    pub(crate) fn ends_at(&self) -> Option<Moment> {
        self.lock()
            .deadline()
            .map(|end| validity::act_before(end, self.ttl))
    }

    /// Ends the lease as expired if it is time to. Returns the loss, if it is lost.
    pub(crate) fn expire_if_due(&self) -> Option<LockLost> {
        if self.ends_at().is_some_and(|end| Moment::now() >= end) {
            self.lose(LossReason::Expired);
        }
        match self.lock().phase {
            Phase::Ended(End::Lost(reason)) => Some(LockLost::new(self.resources.clone(), reason)),
            _ => None,
        }
    }

    /// Keeps the place in line until the lease ends: whoever is next asks behind its release.
    pub(crate) fn keep_ticket(self: &Arc<Self>, ticket: Ticket) {
        let holder = Arc::downgrade(self);
        ticket.publish(&HeadStatus::Held(holder), None);
        let mut state = self.lock();
        if state.phase == Phase::Held {
            state.ticket = Some(ticket);
        } else {
            drop(state);
            drop(ticket);
        }
    }

    /// A token that is cancelled when the lease ends, in whatever way.
    pub(crate) fn cancellation_token(&self) -> CancellationToken {
        let mut state = self.lock();
        if let Phase::Ended(_) = state.phase {
            let ended = CancellationToken::new();
            ended.cancel();
            return ended;
        }
        state
            .cancellation
            .get_or_insert_with(CancellationToken::new)
            .clone()
    }

    /// Ends the lease as lost, unless it has ended before, and releases what is left of it.
    pub(crate) fn lose(&self, reason: LossReason) {
        let reason = match (reason, self.hold_until) {
            // Not extended any further on purpose.
            (LossReason::Expired, Some(end)) if self.is_near(end) => LossReason::MaxHold,
            (reason, _) => reason,
        };
        if self.end(End::Lost(reason)) {
            tracing::warn!(resource = %self.resources, %reason, "redlock lost");
        }
    }

    /// Ends the lease without touching the nodes, for somebody else to go on with. Returns when it
    /// ends if nobody does.
    pub(crate) fn detach(&self) -> Option<Moment> {
        let deadline = self.lock().deadline();
        self.end(End::Detached);
        deadline
    }

    /// Ends the lease because its guard is gone.
    pub(crate) fn release(&self) {
        self.end(End::Released);
    }

    /// Ends the lease as if no guard had come of it, which nobody has seen.
    pub(crate) fn abandon(&self) {
        if !self.end(End::Abandoned) {
            // Lost meanwhile, and perhaps kept.
            let plan = self.release_plan(&self.lock(), End::Abandoned);
            self.send_releases(&plan);
        }
    }

    /// Whether `max_hold`, rather than missing extensions, is what ends the lease now.
    fn is_near(&self, end: Moment) -> bool {
        let drift = validity::drift(self.ttl, self.engine.config().drift_factor);
        let margin = drift
            .saturating_add(self.ttl / 100)
            .saturating_add(Duration::from_millis(2));
        validity::remaining(end, Moment::now()) <= margin
    }

    /// Ends the lease once; says whether it was this call that did.
    fn end(&self, end: End) -> bool {
        self.end_with(end, |plan| {
            if end.releases() {
                self.send_releases(plan);
            }
        })
    }

    /// Ends the lease once, with `undo` to be done about what remains of it at the nodes.
    fn end_with(&self, end: End, undo: impl FnOnce(&ReleasePlan)) -> bool {
        let (plan, token, waker, ticket) = {
            let mut state = self.lock();
            if let Phase::Ended(_) = state.phase {
                return false;
            }
            // From here on no command of this lease but a release is sent.
            state.phase = Phase::Ended(end);
            if let Some(timer) = state.timer.take() {
                self.engine.timers().remove(timer);
            }
            let plan = self.release_plan(&state, end);
            let (token, waker) = (state.cancellation.take(), state.take_waker());
            (plan, token, waker, state.ticket.take())
        };
        // Queued before anybody is told, so that whoever is told asks after the release.
        undo(&plan);
        if ticket.is_some() {
            self.engine
                .fairness()
                .observe_release(&self.keys, Instant::now());
        }
        drop(ticket);
        if let Some(token) = token {
            token.cancel();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn lock(&self) -> Locked<'_, State> {
        self.state.lock()
    }
}

impl Holder for ActiveLease {
    fn hold(&self) -> (u16, Duration) {
        let granted = self.lock().tally.granted();
        (quorum::nodes(granted), self.time_left())
    }
}

impl fmt::Debug for ActiveLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveLease")
            .field("resources", &self.resources)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
