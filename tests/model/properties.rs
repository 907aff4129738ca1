//! Required properties of the tokens, and examples that show that they are not vacuous.

use stateright::Property;

use crate::attempt::Attempt;
use crate::state::State;
use crate::system::System;

/// No two attempts return with the same token.
pub(crate) const UNIQUE: &str = "unique";

/// If one attempt returned before another was called, the later token is larger.
pub(crate) const MONOTONIC: &str = "monotonic";

/// Returns both properties, and the examples without which they would hold for lack of tokens.
pub(crate) fn all() -> Vec<Property<System>> {
    vec![
        Property::always(UNIQUE, is_unique),
        Property::always(MONOTONIC, is_monotonic),
        Property::sometimes("granted", granted::<1>),
        Property::sometimes("granted twice", granted::<2>),
        Property::sometimes("all granted in turn", all_granted_in_turn),
        Property::sometimes("raised for a token", raised_for_a_token),
    ]
}

fn is_unique(_: &System, state: &State) -> bool {
    let mut tokens: Vec<_> = state.tokens().collect();
    tokens.sort_unstable();
    tokens.windows(2).all(|two| two[0] < two[1])
}

fn is_monotonic(_: &System, state: &State) -> bool {
    let is_above_floor = |attempt: &Attempt| attempt.token().is_none_or(|it| it > attempt.floor);
    state.attempts.iter().all(is_above_floor)
}

fn granted<const TIMES: usize>(_: &System, state: &State) -> bool {
    state.tokens().count() == TIMES
}

fn all_granted_in_turn(system: &System, state: &State) -> bool {
    let later = &state.attempts[1..system.attempts];
    state.tokens().count() == system.attempts && later.iter().all(|attempt| attempt.floor > 0)
}

fn raised_for_a_token(system: &System, state: &State) -> bool {
    let is_raised = |(index, attempt): (usize, &Attempt)| {
        let is_enough = |target| state.votes(index, target) >= system.rules.votes;
        attempt.target.is_some_and(is_enough)
    };
    state.attempts.iter().enumerate().any(is_raised)
}
