//! System under search: some attempts on three nodes, and the effect of each step.

use stateright::{Model, Property};

use crate::attempt::Attempt;
use crate::node::{LeaseId, Number};
use crate::properties;
use crate::protocol::Protocol;
use crate::state::State;
use crate::step::Step;

/// The rules and the bounds of a search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System {
    pub(crate) rules: Protocol,
    pub(crate) attempts: usize,
    /// How many of the first attempts may acquire by pipeline: `SET NX PX`, `ZADD GT CH`.
    pub(crate) pipelines: usize,
    /// The largest initial value of a counter. Each starts anywhere from zero to this.
    pub(crate) begin: Number,
    pub(crate) proposals: Proposals,
    /// How many times an acquire may take effect at a node.
    pub(crate) copies: u8,
    pub(crate) targets: Targets,
    /// How many times an attempt may choose a number to raise nodes to.
    pub(crate) choices: u8,
    pub(crate) expiry: Expiry,
    /// How many counters may be lost.
    pub(crate) losses: u8,
}

/// The source of proposals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proposals {
    /// Any number from one to this. Zero would add nothing, because counters increment anyway.
    UpTo(Number),
    /// Clocks that differ by less than the time between a return and a later call.
    ///
    /// A proposal is above every returned token. It is also at least the largest number seen so far
    /// on any node or in any proposal, and at most one above that number.
    Clock,
}

/// The numbers to which an attempt may raise nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Targets {
    /// Any number that a node has reported to it. With the right responses late, each of them can
    /// be the largest that has arrived.
    Reported,
    /// Any number, up to one more than the largest counter.
    Any,
}

/// The moments at which lock keys expire, are evicted or are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// At any moment.
    Anytime,
    /// At the last moment that makes a difference: just before an acquire.
    ///
    /// For all other steps, a missing key has the same effect as a raise that never arrives. This
    /// bound yields the same tokens with a seventh of the states.
    BeforeAcquire,
}

impl System {
    /// Creates a system of attempts on empty nodes, with these rules and the smallest bounds.
    pub(crate) const fn new(rules: Protocol, attempts: usize) -> Self {
        Self {
            rules,
            attempts,
            pipelines: 0,
            begin: 0,
            proposals: Proposals::UpTo(2),
            copies: 1,
            targets: Targets::Reported,
            choices: 1,
            expiry: Expiry::BeforeAcquire,
            losses: 0,
        }
    }

    fn id(&self, attempt: usize) -> LeaseId {
        let number = if self.rules.one_id { 0 } else { attempt };
        LeaseId::try_from(number).expect("the number of attempts fits")
    }

    /// Applies an acquire. A refused one has the same effect as a lost one, unless a `ZADD` follows
    /// it.
    fn acquire(&self, state: &mut State, attempt: usize, node: usize) -> Option<()> {
        let Attempt {
            proposal, pipeline, ..
        } = state.attempts[attempt];
        let there = &mut state.nodes[node];
        let id = self.id(attempt);
        there.dealings[attempt].acquires += 1;
        if pipeline {
            let ok = there.set(id);
            there.dealings[attempt].set = Some(ok);
        } else {
            let granted = there.acquire(&self.rules, id, proposal)?;
            state.report(node, attempt, granted);
        }
        Some(())
    }

    fn zadd(&self, state: &mut State, attempt: usize, node: usize) {
        let proposal = state.attempts[attempt].proposal;
        let there = &mut state.nodes[node];
        let moved = there.zadd(proposal);
        let ok = there.dealings[attempt].set.take() == Some(true);
        if ok && (moved || !self.rules.counts_moves) {
            state.report(node, attempt, proposal);
        }
    }

    fn lose(&self, state: &mut State, node: usize) {
        state.losses += 1;
        let there = &mut state.nodes[node];
        there.counter = 0;
        if self.rules.quarantine {
            there.is_away = true;
            for (dealings, attempt) in there.dealings.iter_mut().zip(&state.attempts) {
                dealings.quarantined |= attempt.is_called();
            }
        }
    }

    /// Ends a quarantine, which lasted until every clock had passed all earlier numbers.
    fn readmit(&self, state: &mut State, node: usize) {
        state.nodes[node].is_away = false;
        if self.proposals == Proposals::Clock {
            state.clock += 1;
        }
    }
}

impl Model for System {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        State::beginnings(self.begin).collect()
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.steps(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = *last;
        match step {
            Step::Call {
                attempt,
                proposal,
                pipeline,
            } => {
                let floor = last.floor();
                state.attempts[attempt] = Attempt::call(proposal, pipeline, floor);
                for node in &mut state.nodes {
                    node.dealings[attempt].quarantined = node.is_away;
                }
            }
            Step::Acquire {
                attempt,
                node,
                expired,
            } => {
                if expired {
                    state.nodes[node].lock = None;
                }
                self.acquire(&mut state, attempt, node)?;
            }
            Step::Zadd { attempt, node } => self.zadd(&mut state, attempt, node),
            Step::Raise {
                attempt,
                node,
                target,
            } => {
                let id = self.id(attempt);
                if !state.nodes[node].raise(&self.rules, id, target) {
                    return None;
                }
                state.attempts[attempt].choose(target);
                state.report(node, attempt, target);
            }
            Step::Grant { attempt, token } => state.grant(attempt, token),
            Step::Expire { node } => state.nodes[node].lock = None,
            Step::Lose { node } => self.lose(&mut state, node),
            Step::Readmit { node } => self.readmit(&mut state, node),
        }
        if self.proposals == Proposals::Clock {
            state.tick();
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
