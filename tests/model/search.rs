//! Search through every reachable state, and assertions on its result.

use std::env;

use stateright::{Checker, HasDiscoveries, Model};

use crate::properties::{MONOTONIC, UNIQUE};
use crate::system::System;

/// Asserts that both properties hold in every state, and that there are at least `states`.
pub(crate) fn holds(system: System, states: usize) {
    let checker = search(system, HasDiscoveries::AnyFailures);
    checker.assert_properties();
    assert!(
        checker.unique_state_count() >= states,
        "the search covered too few states"
    );
}

/// Asserts that both properties break: some token is returned twice, and some later token is not
/// larger.
pub(crate) fn breaks(system: System) {
    let both = HasDiscoveries::AllOf([UNIQUE, MONOTONIC].into());
    let checker = search(system, both);
    for property in [UNIQUE, MONOTONIC] {
        let steps = checker.assert_any_discovery(property).into_actions();
        println!("not {property} after {} steps: {steps:#?}", steps.len());
    }
}

/// Asserts that tokens are monotonic in every state, but that some state has a duplicate.
///
/// There must be at least `states` states.
pub(crate) fn breaks_uniqueness_alone(system: System, states: usize) {
    let checker = search(system, HasDiscoveries::AllOf([MONOTONIC].into()));
    checker.assert_no_discovery(MONOTONIC);
    let steps = checker.assert_any_discovery(UNIQUE).into_actions();
    println!("not unique after {} steps: {steps:#?}", steps.len());
    assert!(
        checker.unique_state_count() >= states,
        "the search covered too few states"
    );
}

fn search(system: System, until: HasDiscoveries) -> impl Checker<System> {
    let builder = system.checker().symmetry().finish_when(until);
    let checker = builder.spawn_dfs().join();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!("{states} states, {steps} steps");
    checker
}

/// Returns `small` for runs of the suite, and `large` for searches by hand.
pub(crate) fn bound<T>(small: T, large: T) -> T {
    match env::var("REDLOCK_MODEL_BOUND") {
        Err(env::VarError::NotPresent) => small,
        Ok(bound) if bound == "large" => large,
        other => panic!("REDLOCK_MODEL_BOUND is {other:?}: unset it, or set it to \"large\""),
    }
}
