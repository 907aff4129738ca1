//! Steps that are possible in a state.

use super::manager::Phase;
use super::node::Loss;
use super::rules::QUORUM;
use super::state::State;
use super::system::System;
use crate::state::NODES;

/// An event of the model.
///
/// A late message is a step that is taken late. A lost message is a step that is never taken. A
/// paused manager is one that takes no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Time passes, on every clock.
    Tick,
    /// A manager sends a round of acquires.
    Acquire { manager: usize },
    /// A node carries out an acquire.
    Grant { manager: usize, node: usize },
    /// A manager extends its lease on a node.
    Extend { manager: usize, node: usize },
    /// A manager sends a re-arm.
    SendRearm { manager: usize, node: usize },
    /// A node carries out a re-arm.
    Rearm { manager: usize, node: usize },
    /// A lease or a round ends.
    Release { manager: usize },
    /// A manager reads a record.
    Read { manager: usize, node: usize },
    /// A manager that saw all nodes forming reads all of them again.
    ReadAgain { manager: usize },
    /// A manager sends a write of a record.
    SendWrite { manager: usize, node: usize },
    /// A node carries out a write.
    Write { manager: usize, node: usize },
    /// A node loses all data under a live connection.
    Flush { node: usize },
    /// Another process takes the place of a node's: a restart or a failover.
    Restart {
        node: usize,
        loss: Loss,
        durable: bool,
    },
}

impl System {
    /// Adds every possible step.
    pub(crate) fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        steps.push(Step::Tick);
        for manager in 0..self.managers {
            self.lease(state, manager, steps);
            self.records(state, manager, steps);
        }
        self.faults(state, steps);
    }

    /// Adds what happens to a lease.
    fn lease(&self, state: &State, manager: usize, steps: &mut Vec<Step>) {
        let phase = state.managers[manager].phase;
        if phase == Phase::Idle {
            if self.lockers[manager] && self.can_acquire(state, manager) {
                steps.push(Step::Acquire { manager });
            }
            return;
        }
        steps.push(Step::Release { manager });
        for (node, there) in state.nodes.iter().enumerate() {
            let link = &there.links[manager];
            if link.acquire.is_some() && there.lock.is_none() {
                steps.push(Step::Grant { manager, node });
            }
            if phase != Phase::Held {
                continue;
            }
            steps.push(Step::Extend { manager, node });
            if link.rearm.is_some() && there.lock.is_none() {
                steps.push(Step::Rearm { manager, node });
            }
            if self.may_rearm(state, manager, node) {
                steps.push(Step::SendRearm { manager, node });
            }
        }
    }

    /// Whether enough nodes may be asked for a round to succeed.
    fn can_acquire(&self, state: &State, manager: usize) -> bool {
        let view = self.view(state, manager);
        view.is_formed()
            && view.is_named()
            && (0..NODES).filter(|node| view.may_ask(*node)).count() >= QUORUM
    }

    fn may_rearm(&self, state: &State, manager: usize, node: usize) -> bool {
        let link = &state.nodes[node].links[manager];
        let is_due = self.rules.rearm.is_on && link.rearm.is_none() && link.acquire.is_none();
        let is_possible = link.hold == 0 || self.rules.rearm.in_quarantine;
        is_due && is_possible && !state.nodes[node].is_owned_by(manager)
    }

    /// Adds what happens to records.
    fn records(&self, state: &State, manager: usize, steps: &mut Vec<Step>) {
        let view = self.view(state, manager);
        if view.reads_again().is_some() {
            steps.push(Step::ReadAgain { manager });
        }
        for (node, there) in state.nodes.iter().enumerate() {
            let link = &there.links[manager];
            // On an ordered connection, a read comes after the write that was sent before it.
            if link.write.is_none() && link.sight != Some(there.sight()) {
                steps.push(Step::Read { manager, node });
            }
            if link.write.is_some() {
                steps.push(Step::Write { manager, node });
            }
            if view.repair(node).is_some_and(|it| link.write != Some(it)) {
                steps.push(Step::SendWrite { manager, node });
            }
        }
    }

    /// Adds the faults that are left.
    fn faults(&self, state: &State, steps: &mut Vec<Step>) {
        for (node, there) in state.nodes.iter().enumerate() {
            if state.flushes < self.flushes {
                steps.push(Step::Flush { node });
            }
            if state.restarts == self.restarts {
                continue;
            }
            let losses = if there.durable {
                &[Loss::Nothing]
            } else {
                self.losses
            };
            for loss in losses {
                for durable in self.processes {
                    steps.push(Step::Restart {
                        node,
                        loss: *loss,
                        durable: *durable,
                    });
                }
            }
        }
    }
}
