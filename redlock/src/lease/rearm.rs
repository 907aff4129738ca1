//! Re-arming: the keys of a held lease, put back on nodes that lack them.
//!
//! A node lacks the keys after it was down when the lock was acquired, was cut off for longer than
//! the ttl, or lost its data. Without re-arming a lease only ever loses nodes, and ends once a
//! majority has had such a fault, one after the other.
//!
//! ```text
//! node 1-3  extend ── confirmed ──┐ a quorum of others holds the lease
//! node 4    extend ── not held ───┴─ re-arm ── armed ── extend ── confirmed: counts from here
//! node 5    extend ── not held ───── re-arm ── busy ··· re-arm ··· until the next extension
//! ```
//!
//! Both nodes lacked the keys at the extension before as well.
//!
//! A re-armed node counts only once an extension sent after its acknowledgement finds the keys. The
//! command never replaces the key of another owner. Like an acquire it may set keys, so its release
//! is queued behind it, and it is dropped unsent once the lease has ended.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind};
use crate::lease::ActiveLease;
use crate::lease::extending::Reason;
use crate::lease::state::{Phase, RearmGrant, RearmRetry, State};
use crate::node::{Command, NodeResult, Rearm, Rearmed, Responder, ResponseSink};
use crate::quorum::hold::Hold;
use crate::time::clock::Moment;
use crate::time::validity;

impl ActiveLease {
    /// Puts the keys back on a node, if the lease is held and extends itself.
    pub(super) fn rearm(self: &Arc<Self>, node: usize, grant: RearmGrant) {
        // This calls the sessions, so it comes before the state is locked.
        let (timeout, outlast) = (self.node_timeout(), self.outlast());
        let sent = Moment::now();
        let ttl = self.within_max_hold(self.ttl, sent);
        {
            let mut state = self.lock();
            let is_due = self.auto_extend && !ttl.is_zero();
            let is_held = state.deadline().is_some_and(|deadline| sent < deadline);
            let is_gone = state.holds.gone_at(node).is_some();
            if !is_due || !is_held || !is_gone || !state.holds.may_join(node, outlast) {
                return;
            }
            // Until the response, only an extension sent well behind this command decides.
            let since = sent.saturating_add(timeout);
            state.holds.set(node, Hold::Unknown, since);
            state.extras().rearming.push(node);
            state.keys_may_stay(self.gone_by(sent, ttl));
        }
        let sink = Arc::new(Rearming {
            lease: Arc::clone(self),
            grant,
        });
        let responder = Responder::new(sink, node);
        let (keys, id) = (self.keys.clone(), self.id.clone());
        let rearm = Rearm::new(keys, id, ttl, responder).fence(self.rearm_fence());
        self.engine.submit(node, Command::Rearm(rearm.into()));
        self.release_behind([node]);
    }

    /// The token to restore on the node, and its retention.
    pub(super) fn rearm_fence(&self) -> Option<(u64, Duration)> {
        let token = self.fencing_token()?.get();
        self.fence_retention().map(|retention| (token, retention))
    }

    /// Sends releases behind commands that were submitted while the lease ended. The release of the
    /// lease may be ahead of them, and not every session drops what is no longer wanted.
    pub(super) fn release_behind(&self, nodes: impl IntoIterator<Item = usize>) {
        let plan = {
            let state = self.lock();
            match state.phase {
                Phase::Ended(end) => self.release_plan(&state, end),
                _ => return,
            }
        };
        // A lease that was detached releases only what re-arms may set.
        let nodes = nodes.into_iter();
        for node in nodes.filter(|node| plan.nodes.contains(*node)) {
            let release = self.release_at(node, &plan, Responder::ignored());
            self.engine.submit(node, release);
        }
    }

    /// Records one node's response to a re-arm.
    fn rearmed(self: &Arc<Self>, node: usize, result: &NodeResult<Rearmed>, grant: RearmGrant) {
        let now = Moment::now();
        let is_armed = {
            let mut state = self.lock();
            if !result.as_ref().is_err_and(NodeError::is_sent) {
                state.extras().rearming.retain(|other| *other != node);
            }
            if let Hold::Until(_) = state.holds.get(node) {
                // A later extension was faster and has decided.
                return;
            }
            match result {
                Ok(Rearmed::Armed) => state.holds.set(node, Hold::Unknown, now),
                Err(error) if error.is_sent() => state.holds.set(node, Hold::Unknown, now),
                // As before, where of several keys some may be there.
                Ok(_) | Err(_) => state.holds.set(node, Hold::Gone(now), now),
            }
            if state.phase != Phase::Held {
                return;
            }
            match result {
                Ok(Rearmed::Busy { .. }) => {
                    let taken = NodeError::new(NodeErrorKind::Taken, "");
                    state.failures.record(node, taken);
                    self.retry_rearm(&mut state, node, grant);
                }
                Ok(Rearmed::Armed) => state.failures.clear(node),
                Ok(Rearmed::NotALock) => {}
                Err(error) => state.failures.record(node, error.clone()),
            }
            matches!(result, Ok(Rearmed::Armed))
        };
        if is_armed {
            self.extend_node(node, Reason::Rearmed);
        }
    }

    /// Repeats a re-arm that met another owner: most often a round that is lost, and gone within a
    /// few round trips.
    fn retry_rearm(self: &Arc<Self>, state: &mut State, node: usize, grant: RearmGrant) {
        let delay = validity::rearm_delay(grant.refused);
        let delay = self.engine.jitter().up_to(delay);
        let Some(due) = Moment::now().checked_add(delay) else {
            return;
        };
        if due < grant.until {
            let refused = grant.refused.saturating_add(1);
            let grant = RearmGrant { refused, ..grant };
            let retry = RearmRetry { node, due, grant };
            state.extras().retries.push(retry);
            self.arm(state);
        }
    }

    /// Sends the re-arms that are to be repeated now.
    pub(super) fn rearm_due(self: &Arc<Self>) {
        let due: Vec<RearmRetry> = {
            let mut state = self.lock();
            if state.retries_due().next().is_none() {
                return;
            }
            let now = Moment::now();
            let retries = &mut state.extras().retries;
            retries.extract_if(.., |retry| retry.due <= now).collect()
        };
        for retry in due {
            self.rearm(retry.node, retry.grant);
        }
    }
}

/// The response to a re-arm.
struct Rearming {
    lease: Arc<ActiveLease>,
    grant: RearmGrant,
}

impl ResponseSink<Rearmed> for Rearming {
    fn on_response(&self, node: usize, result: NodeResult<Rearmed>) {
        self.lease.rearmed(node, &result, self.grant);
    }

    fn is_wanted(&self) -> bool {
        self.lease.lock().phase == Phase::Held
    }
}
