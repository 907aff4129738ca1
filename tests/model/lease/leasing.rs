//! Effects of the steps of leases: acquires, extensions and re-arms.

use super::link::{Acquire, Rearm};
use super::manager::Phase;
use super::rules::QUORUM;
use super::state::State;
use super::system::System;

impl System {
    /// Sends a round to all nodes that may be asked. Over a connection that has ended, nothing
    /// arrives.
    pub(super) fn acquire(&self, state: &mut State, manager: usize) {
        let before = *state;
        let view = self.view(&before, manager);
        state.managers[manager].phase = Phase::Asking { age: 0 };
        for (node, there) in state.nodes.iter_mut().enumerate() {
            let link = &mut there.links[manager];
            let Some(sight) = link.sight.filter(|_| view.may_ask(node)) else {
                continue;
            };
            if let (true, Some(version)) = (sight.run == there.run, sight.version()) {
                let left = self.max_ttls[manager];
                link.acquire = Some(Acquire { left, version });
            }
        }
    }

    /// Carries out an acquire at a node without a lock. One that does not count is released at
    /// once, so it has no effect.
    pub(super) fn grant(&self, state: &mut State, manager: usize, node: usize) -> Option<()> {
        let there = &mut state.nodes[node];
        let acquire = there.links[manager].acquire?;
        if self.rules.checks_record && there.version() != Some(acquire.version) {
            return None;
        }
        there.set(manager, self.max_ttls[manager]);
        there.links[manager].acquire = None;
        there.links[manager].hold = acquire.left;
        state.settle(manager);
        Some(())
    }

    /// Carries out an extension, and reads the response.
    pub(super) fn extend(&self, state: &mut State, manager: usize, node: usize) -> Option<()> {
        let ttl = self.max_ttls[manager];
        let is_rejoining = state.nodes[node].links[manager].hold == 0;
        let has_others = self.has_others(state, manager, node);
        let there = &mut state.nodes[node];
        if self.rules.settles_first && !there.is_settled(manager) {
            return None;
        }
        let keeps_vote = self.rules.rearm.in_quarantine && there.is_quarantined();
        if there.is_owned_by(manager) {
            there.set(manager, ttl);
            if !is_rejoining || has_others {
                there.links[manager].hold = ttl;
            }
        } else if !keeps_vote {
            there.links[manager].hold = 0;
        }
        state.settle(manager);
        Some(())
    }

    /// Whether a quorum of other nodes holds the lease for long enough.
    fn has_others(&self, state: &State, manager: usize, node: usize) -> bool {
        let round = u8::from(self.rules.rearm.outlasts_rounds) * self.round;
        state.others(manager, node, round + 1) >= QUORUM
    }

    pub(super) fn send_rearm(&self, state: &mut State, manager: usize, node: usize) -> Option<()> {
        let has_others = self.has_others(state, manager, node);
        let link = &mut state.nodes[node].links[manager];
        let in_quarantine = !has_others;
        if in_quarantine && !(self.rules.rearm.in_quarantine && link.hold > 0) {
            return None;
        }
        link.rearm = Some(Rearm {
            left: self.max_ttls[manager],
            in_quarantine,
        });
        Some(())
    }

    pub(super) fn rearm(&self, state: &mut State, manager: usize, node: usize) -> Option<()> {
        let there = &mut state.nodes[node];
        let rearm = there.links[manager].rearm.take()?;
        if rearm.in_quarantine && !there.is_quarantined() {
            return None;
        }
        there.set(manager, self.max_ttls[manager]);
        if self.rules.rearm.counts_at_once {
            let hold = &mut there.links[manager].hold;
            *hold = rearm.left.max(*hold);
        }
        Some(())
    }
}
