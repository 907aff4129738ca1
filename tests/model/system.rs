//! What is searched: some attempts on three nodes, and what each step does.

use stateright::{Model, Property};

use crate::attempt::Attempt;
use crate::node::{LeaseId, Number};
use crate::properties;
use crate::protocol::Protocol;
use crate::state::State;
use crate::step::Step;

/// The bounds of a search, and the rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System {
    pub(crate) rules: Protocol,
    pub(crate) attempts: usize,
    /// How many attempts, from the first on, may acquire by pipeline: `SET NX PX`, `ZADD GT CH`.
    pub(crate) pipelines: usize,
    /// Each counter begins anywhere from zero to this.
    pub(crate) begin: Number,
    pub(crate) proposals: Proposals,
    /// How often an acquire may take effect at a node.
    pub(crate) copies: u8,
    pub(crate) targets: Targets,
    /// How often an attempt may choose a number to raise nodes to.
    pub(crate) choices: u8,
    pub(crate) expiry: Expiry,
    /// How many counters may be lost.
    pub(crate) losses: u8,
}

/// Where proposals come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proposals {
    /// Any number from one to this. Less than one asks for nothing that a counter would not do.
    UpTo(Number),
    /// Clocks that differ by less than the time from a return to a call: above every token that
    /// has been returned, and at the largest number that there has been anywhere, or one above.
    Clock,
}

/// What an attempt may raise nodes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Targets {
    /// Any number that a node has told it: each is the largest of those whose replies have come,
    /// if the right ones are late.
    Told,
    /// Any number, up to one more than the largest counter.
    Any,
}

/// When lock keys expire, are evicted or released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// At any moment.
    Anytime,
    /// At the last moment at which it makes a difference: just before an acquire.
    ///
    /// To everybody else, a key that is gone is no more than a raise that never arrives. This
    /// leaves the same tokens, and a seventh of the states.
    BeforeAcquire,
}

impl System {
    /// Attempts on nodes that are new, by these rules; each bound as small as it goes.
    pub(crate) const fn new(rules: Protocol, attempts: usize) -> Self {
        Self {
            rules,
            attempts,
            pipelines: 0,
            begin: 0,
            proposals: Proposals::UpTo(2),
            copies: 1,
            targets: Targets::Told,
            choices: 1,
            expiry: Expiry::BeforeAcquire,
            losses: 0,
        }
    }

    fn id(&self, attempt: usize) -> LeaseId {
        let number = if self.rules.one_id { 0 } else { attempt };
        LeaseId::try_from(number).expect("there are few attempts")
    }

    /// An acquire takes effect. One that is refused might as well have been lost, unless a `ZADD`
    /// comes after it.
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
            state.tell(node, attempt, granted);
        }
        Some(())
    }

    fn zadd(&self, state: &mut State, attempt: usize, node: usize) {
        let proposal = state.attempts[attempt].proposal;
        let there = &mut state.nodes[node];
        let moved = there.zadd(proposal);
        let ok = there.dealings[attempt].set.take() == Some(true);
        if ok && (moved || !self.rules.counts_moves) {
            state.tell(node, attempt, proposal);
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

    /// The quarantine was long enough for every clock to be past what was before.
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
                state.tell(node, attempt, target);
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
