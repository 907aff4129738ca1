//! Steps that are possible in a state.

use crate::attempt::Attempt;
use crate::node::{Number, Numbers};
use crate::state::{NODES, State};
use crate::system::{Expiry, Proposals, System, Targets};

/// An event of the model.
///
/// A late message is a step that is taken late. A lost message is a step that is never taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An attempt begins.
    Call {
        attempt: usize,
        proposal: Number,
        pipeline: bool,
    },
    /// An acquire takes effect: the script, or the `SET` of the pipeline.
    Acquire {
        attempt: usize,
        node: usize,
        /// Whether the key that blocked the acquire has just expired.
        expired: bool,
    },
    /// The `ZADD` of the pipeline takes effect.
    Zadd { attempt: usize, node: usize },
    /// A raise takes effect.
    Raise {
        attempt: usize,
        node: usize,
        target: Number,
    },
    /// An attempt returns with a token.
    Grant { attempt: usize, token: Number },
    /// A lock key disappears.
    Expire { node: usize },
    /// A counter disappears.
    Lose { node: usize },
    /// The quarantine of a node ends.
    Readmit { node: usize },
}

impl System {
    /// Adds every possible step.
    pub(crate) fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        if state.tokens().count() == self.attempts {
            return;
        }
        self.call(state, steps);
        for attempt in 0..self.attempts {
            if state.attempts[attempt].is_called() {
                self.arrive(state, attempt, steps);
            }
            if state.attempts[attempt].is_asking() {
                self.raise(state, attempt, steps);
                self.grant(state, attempt, steps);
            }
        }
        self.pass(state, steps);
    }

    /// Adds the call of the next attempt. Attempts are interchangeable, so they begin in order.
    fn call(&self, state: &State, steps: &mut Vec<Step>) {
        let is_next = |attempt: &usize| !state.attempts[*attempt].is_called();
        let Some(attempt) = (0..self.attempts).find(is_next) else {
            return;
        };
        let proposals = match self.proposals {
            Proposals::UpTo(max) => 1..=max,
            Proposals::Clock => state.clock.max(state.floor() + 1)..=state.clock + 1,
        };
        for proposal in proposals {
            for pipeline in [false, true] {
                if !pipeline || attempt < self.pipelines {
                    steps.push(Step::Call {
                        attempt,
                        proposal,
                        pipeline,
                    });
                }
            }
        }
    }

    /// Adds the arrival of acquires, regardless of the phase of their attempt.
    fn arrive(&self, state: &State, attempt: usize, steps: &mut Vec<Step>) {
        for (node, there) in state.nodes.iter().enumerate() {
            let dealings = &there.dealings[attempt];
            if dealings.set.is_some() {
                steps.push(Step::Zadd { attempt, node });
            } else if dealings.acquires < self.copies {
                for expired in [false, true] {
                    let is_possible = self.expiry == Expiry::BeforeAcquire && there.lock.is_some();
                    if !expired || is_possible {
                        steps.push(Step::Acquire {
                            attempt,
                            node,
                            expired,
                        });
                    }
                }
            }
        }
    }

    /// Adds the arrival of raises, to the number chosen before or to one chosen now.
    fn raise(&self, state: &State, attempt: usize, steps: &mut Vec<Step>) {
        let reported = state.reported(attempt);
        let Attempt {
            target, choices, ..
        } = state.attempts[attempt];
        let mut targets = target.map_or_else(Numbers::default, Numbers::one);
        if choices < self.choices {
            targets = targets.union(match self.targets {
                Targets::Reported => reported,
                Targets::Any => reported.union(Numbers::up_to(state.largest_counter() + 1)),
            });
        }
        for target in targets.iter() {
            steps.extend((0..NODES).map(|node| Step::Raise {
                attempt,
                node,
                target,
            }));
        }
    }

    /// Adds the grants of an attempt to which enough nodes have reported the same number.
    fn grant(&self, state: &State, attempt: usize, steps: &mut Vec<Step>) {
        for token in state.reported(attempt).iter() {
            if state.votes(attempt, token) >= self.rules.votes {
                steps.push(Step::Grant { attempt, token });
            }
        }
    }

    /// Adds the disappearance of keys and counters, and the end of quarantines.
    fn pass(&self, state: &State, steps: &mut Vec<Step>) {
        for (node, there) in state.nodes.iter().enumerate() {
            if self.expiry == Expiry::Anytime && there.lock.is_some() {
                steps.push(Step::Expire { node });
            }
            if state.losses < self.losses && there.counter > 0 {
                steps.push(Step::Lose { node });
            }
            if there.is_away {
                steps.push(Step::Readmit { node });
            }
        }
    }
}
