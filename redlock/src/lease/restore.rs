//! The keys of a held lease, put back on a node that lost its data.
//!
//! The node is in quarantine, as its identity record shows: no lock was granted there since the loss.
//! The lease still has the node's vote, until the expiry that the node confirmed before. It needs no
//! confirmation by other nodes, so it survives a loss on a quorum, or on all of them.
//!
//! ```text
//! node 1-3  FLUSHALL ── quarantine ── extend ── not held ── restore ── restored: still counts
//! node 4-5  ─────────────────────────────────────────────────────────────────────
//! ```
//!
//! Keys that are missing although an extension has found them since the loss were deleted: an unlock
//! elsewhere prevails.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::deployment::Loss;
use crate::lease::ActiveLease;
use crate::lease::state::{Phase, State};
use crate::node::{Command, NodeResult, Rearm, Rearmed, RecordCheck, Responder, ResponseSink};
use crate::quorum::hold::Hold;
use crate::time::clock::Moment;

impl ActiveLease {
    /// Whether a loss explains that the node does not hold the keys.
    pub(super) fn is_explained(&self, state: &State, node: usize, loss: &Loss) -> bool {
        let is_held = matches!(state.holds.get(node), Hold::Until(end) if end > Moment::now());
        self.auto_extend && is_held && state.holds.was_confirmed_before(node, loss.began)
    }

    /// Puts the keys back on a node that lost them with its data.
    pub(super) fn restore(self: &Arc<Self>, node: usize, record: Arc<RecordCheck>) {
        let sent = Moment::now();
        let ttl = self.within_max_hold(self.ttl, sent);
        {
            let mut state = self.lock();
            let is_held = state.deadline().is_some_and(|deadline| sent < deadline);
            if !is_held || ttl.is_zero() {
                return;
            }
            state.keys_may_stay(self.gone_by(sent, ttl));
        }
        let sink = Arc::new(Restoring {
            lease: Arc::clone(self),
            sent,
            ttl,
        });
        let (keys, id) = (self.keys.clone(), self.id.clone());
        let rearm = Rearm::new(keys, id, ttl, Responder::new(sink, node))
            .fence(self.rearm_fence())
            .record(record);
        self.engine.submit(node, Command::Rearm(rearm.into()));
        self.release_behind([node]);
    }

    /// Records the response to a restoration.
    fn restored(
        self: &Arc<Self>,
        node: usize,
        result: &NodeResult<Rearmed>,
        sent: Moment,
        ttl: Duration,
    ) {
        let loss = self.engine.deployment().loss(node);
        let moved = {
            let mut state = self.lock();
            let is_explained = loss.is_some_and(|loss| self.is_explained(&state, node, &loss));
            if state.phase != Phase::Held || !is_explained {
                return;
            }
            match result {
                Ok(Rearmed::Armed) => {
                    let expiry = self.expiry(sent, ttl);
                    state.holds.extend(node, sent, expiry);
                    state.failures.clear(node);
                }
                Ok(Rearmed::Busy { .. } | Rearmed::NotALock) => {
                    state.holds.lose(node, sent, Moment::now());
                }
                // The next extension finds out.
                Err(error) => state.failures.record(node, error.clone()),
            }
            self.update_deadline(&mut state)
        };
        self.apply_deadline(moved);
    }
}

/// The response to a restoration.
struct Restoring {
    lease: Arc<ActiveLease>,
    sent: Moment,
    ttl: Duration,
}

impl ResponseSink<Rearmed> for Restoring {
    fn on_response(&self, node: usize, result: NodeResult<Rearmed>) {
        self.lease.restored(node, &result, self.sent, self.ttl);
    }

    fn is_wanted(&self) -> bool {
        self.lease.lock().phase == Phase::Held
    }
}
