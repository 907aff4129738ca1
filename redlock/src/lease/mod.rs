//! One lease, from its first `SET` to its last `DEL`.
//!
//! An [`ActiveLease`] is an object, not a task. Sessions report responses to it, and the engine's
//! timer calls it when an extension or the deadline is due. A request that is dropped leaves the
//! lease to release itself, and an idle guard costs only its memory.
//!
//! A lease acquired on five nodes, of which one is slow and one loses the key:
//!
//! ```text
//! time      node  response            votes      deadline
//!  0 ms      1-3  granted             G G G - -  sent + ttl - drift    won: the guard is returned
//!  9 ms        4  granted, late       G G G G -  unchanged             the late grant joins
//! 10 s       1-4  extension confirmed G G G G -  sent + ttl - drift
//! 20 s         2  "not held"          G L G G -  of 1, 3 and 4         still a quorum
//! 20 s         5  (silent)            G L G G -  unchanged
//! ```
//!
//! Had the round been lost or dropped before 9 ms, the release queued behind the `SET` at node 4
//! would undo its late grant.

mod adopt;
mod application;
mod contention;
mod deadline;
mod extend;
mod extending;
mod failures;
mod loss;
mod mint;
mod open;
mod place;
mod progress;
mod rearm;
mod release;
mod restore;
mod round;
mod state;
mod tokens;
mod waiters;
mod watching;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

pub(crate) use self::contention::Contention;
pub(crate) use self::release::ReleaseById;
pub(crate) use self::round::{Refused, Round};
use self::state::{End, Phase, ReleasePlan, State};
use self::watching::Watching;
use crate::config::LockOptions;
use crate::engine::Engine;
use crate::engine::deployment::AtomicVersion;
use crate::error::{LockLost, LossReason};
use crate::lease_id::LeaseId;
use crate::node::{Fence, Keys, session_group};
use crate::quorum::per_node::PerNode;
use crate::quorum::tally::Tally;
use crate::resource::Resources;
use crate::sync::{Condition, Locked};
use crate::time::clock::Moment;
use crate::time::validity;
use crate::token::FencingToken;

/// The claim of one lease id on its resources, at all nodes.
pub(crate) struct ActiveLease {
    engine: Arc<Engine>,
    resources: Resources,
    keys: Keys,
    id: LeaseId,
    ttl: Duration,
    auto_extend: bool,
    /// The moment just before the first command was submitted.
    sent_at: Moment,
    /// The moment until which a node that grants the keys certainly has them.
    granted_until: Moment,
    /// The end that `max_hold` sets.
    hold_until: Option<Moment>,
    /// The moment until which the keys stay even if the lease is released sooner.
    kept_until: Option<Moment>,
    /// The proposal for the counters, and whether it is likely accepted. `None` without fencing.
    proposal: Option<(u64, bool)>,
    /// Never locked while a command is submitted or a task is woken: both may call back.
    state: Condition<State>,
    /// The version of each node's identity record under which the acquire was sent. Set before that,
    /// and read with the response.
    versions: PerNode<AtomicVersion>,
    itself: Weak<Self>,
}

impl ActiveLease {
    fn new(
        engine: &Arc<Engine>,
        resources: Resources,
        keys: Keys,
        id: LeaseId,
        options: &LockOptions,
        contention: Contention,
    ) -> Arc<Self> {
        let sent_at = contention.now;
        let ttl = options.first_ttl();
        let config = engine.config();
        Arc::new_cyclic(|itself| Self {
            keys,
            resources,
            id,
            ttl,
            auto_extend: options.auto_extend,
            sent_at,
            granted_until: validity::expiry(sent_at, ttl, config.drift_factor),
            proposal: engine
                .fence(sent_at)
                .map(|fence| (fence.proposal, fence.is_likely_accepted)),
            kept_until: options
                .hold_at_least
                .map(|least| sent_at.saturating_add(least)),
            hold_until: options.max_hold.and_then(|most| sent_at.checked_add(most)),
            state: Condition::new(State::new(
                Tally::pending(engine.acquire_quorum()),
                sent_at,
                validity::gone_by(sent_at, ttl, config.drift_factor),
                contention,
            )),
            versions: AtomicVersion::none(engine.quorum().nodes()),
            engine: Arc::clone(engine),
            itself: Weak::clone(itself),
        })
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

    /// What the acquires do to the counters; `None` without fencing.
    fn fence(&self) -> Option<Fence> {
        let (proposal, is_likely) = self.proposal?;
        let fence = Fence::new(proposal, self.engine.config().fence_retention());
        Some(fence.likely_accepted(is_likely))
    }

    /// The retention of the counters; `None` without fencing.
    fn fence_retention(&self) -> Option<Duration> {
        self.proposal
            .map(|_| self.engine.config().fence_retention())
    }

    /// The time from `sent_at` for which the keys stay even if the lease is released sooner.
    fn hold_at_least(&self) -> Option<Duration> {
        self.kept_until
            .map(|until| until.saturating_since(self.sent_at))
    }

    /// The fencing token, once it is minted.
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
        self.remaining_at(Moment::now())
    }

    /// The same, for a `now` that was read just before.
    fn remaining_at(&self, now: Moment) -> Duration {
        let deadline = self.lock().deadline();
        let left = deadline.map_or(Duration::ZERO, |end| validity::remaining(end, now));
        if deadline.is_some() && left.is_zero() {
            self.lose(LossReason::Expired);
        }
        left
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

    /// Ends the lease as expired if it is time to. Returns how it ended, once it has ended in any
    /// way. Work under the lease must stop then.
    pub(crate) fn expire_if_due(&self) -> Option<LockLost> {
        if self.ends_at().is_some_and(|end| Moment::now() >= end) {
            self.lose(LossReason::Expired);
        }
        let state = self.lock();
        let Phase::Ended(end) = state.phase else {
            return None;
        };
        let causes = state.failures.causes();
        Some(LockLost::new(self.resources.clone(), end.reason(), causes))
    }

    /// Ends the lease as lost, unless it has ended before, and releases its remaining keys.
    pub(crate) fn lose(&self, reason: LossReason) {
        let reason = match (reason, self.hold_until) {
            // It was not extended further on purpose.
            (LossReason::Expired, Some(end)) if self.is_near(end) => LossReason::MaxHold,
            (reason, _) => reason,
        };
        let causes = self.set_loss_causes(reason);
        if self.end(End::Lost(reason)) {
            let causes = causes.as_deref().and_then(loss::log_field);
            tracing::warn!(resource = %self.resources, %reason, causes, "lock lost before release");
        }
    }

    /// Ends the lease here and leaves its keys on the nodes, for another process to adopt. Those that
    /// a re-arm in flight may set are released behind it. Returns its deadline.
    pub(crate) fn detach(&self) -> Option<Moment> {
        let deadline = self.lock().deadline();
        self.end(End::Detached);
        deadline
    }

    /// Ends the lease because its guard is gone.
    pub(crate) fn release(&self) {
        if self.end(End::Released) {
            session_group::leave_to_any_thread();
        }
    }

    /// Ends a lease whose guard no caller has seen: nothing of it is kept.
    pub(crate) fn abandon(&self) {
        if !self.end(End::Abandoned) {
            // It was lost before, and its keys may have been kept.
            let plan = self.release_plan(&self.lock(), End::Abandoned);
            self.send_releases(&plan);
        }
        session_group::leave_to_any_thread();
    }

    /// Whether the lease ends now because of `max_hold`, not for lack of extensions.
    fn is_near(&self, end: Moment) -> bool {
        let margin = validity::max_hold_margin(self.ttl, self.engine.config().drift_factor);
        validity::remaining(end, Moment::now()) <= margin
    }

    /// Ends the lease once. Returns whether this call ended it.
    fn end(&self, end: End) -> bool {
        self.end_with(end, |plan| self.send_releases(plan))
    }

    /// Ends the lease once and passes the plan of its releases to `carry_out`. Returns whether this
    /// call ended it.
    fn end_with(&self, end: End, carry_out: impl FnOnce(&ReleasePlan)) -> bool {
        let (plan, slot, tokens, waker, place) = {
            let mut state = self.lock();
            if let Phase::Ended(_) = state.phase {
                return false;
            }
            // From here on this lease sends only releases.
            state.phase = Phase::Ended(end);
            if let Some(timer) = state.timer.take() {
                self.engine.timers().remove(timer);
            }
            let slot = state.slot.take();
            let plan = self.release_plan(&state, end);
            // What is in flight and registered does not matter any more.
            state.watching = Watching::default();
            let tokens = [state.cancellation.take(), state.nearer.take()];
            let waker = state.take_waker();
            (plan, slot, tokens, waker, state.place.take())
        };
        // The releases are queued before any waiter is woken, so its next command follows them.
        carry_out(&plan);
        // Behind the releases: a shutdown waits for an empty registry, then for the releases.
        if let Some(slot) = slot {
            self.engine.registry().remove(slot);
        }
        if let Some(place) = place {
            if !self.engine.hints() {
                let now = Instant::now();
                self.engine.streaks().observe_release(&self.keys, now);
            }
            self.engine.local_queue().leave(&self.keys, place);
        }
        for token in tokens.into_iter().flatten() {
            token.cancel();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// The moment by which keys that are set or extended at `sent` are gone from every node.
    fn gone_by(&self, sent: Moment, ttl: Duration) -> Moment {
        validity::gone_by(sent, ttl, self.engine.config().drift_factor)
    }

    fn lock(&self) -> Locked<'_, State> {
        self.state.lock()
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
