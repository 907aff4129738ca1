//! Search through every reachable state, and assertions on its result.

use std::env;
use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model, Representative};

use crate::properties::{MONOTONIC, UNIQUE};
use crate::system::System;

/// Asserts that every property holds, and that there are at least `states` states.
pub(crate) fn holds<M: Searchable>(model: M, states: usize) {
    let checker = search(model, HasDiscoveries::AnyFailures);
    checker.assert_properties();
    assert!(
        checker.unique_state_count() >= states,
        "the search covered too few states"
    );
}

/// Asserts that a property breaks.
pub(crate) fn violates<M: Searchable>(model: M, property: &'static str) {
    let checker = search(model, HasDiscoveries::AllOf([property].into()));
    print_counterexample(&checker, property);
}

/// Asserts that both properties of tokens break: some token is returned twice, and some later token
/// is not larger.
pub(crate) fn breaks(system: System) {
    let both = HasDiscoveries::AllOf([UNIQUE, MONOTONIC].into());
    let checker = search(system, both);
    for property in [UNIQUE, MONOTONIC] {
        print_counterexample(&checker, property);
    }
}

/// Asserts that tokens are monotonic in every state, but that some state has a duplicate.
///
/// There must be at least `states` states.
pub(crate) fn breaks_uniqueness_alone(system: System, states: usize) {
    let checker = search(system, HasDiscoveries::AllOf([MONOTONIC].into()));
    checker.assert_no_discovery(MONOTONIC);
    print_counterexample(&checker, UNIQUE);
    assert!(
        checker.unique_state_count() >= states,
        "the search covered too few states"
    );
}

/// A model that can be searched.
pub(crate) trait Searchable:
    Model<
        State: Representative + Debug + Hash + Eq + Clone + Send + Sync,
        Action: Debug + Clone + PartialEq,
    > + Send
    + Sync
    + 'static
{
}

impl<M> Searchable for M where
    M: Model<
            State: Representative + Debug + Hash + Eq + Clone + Send + Sync,
            Action: Debug + Clone + PartialEq,
        > + Send
        + Sync
        + 'static
{
}

fn search<M: Searchable>(model: M, until: HasDiscoveries) -> impl Checker<M> {
    let builder = model.checker().symmetry().finish_when(until);
    let checker = builder.spawn_dfs().join();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!("{states} states, {steps} steps");
    checker
}

fn print_counterexample<M: Searchable>(checker: &impl Checker<M>, property: &'static str) {
    let steps = checker.assert_any_discovery(property).into_actions();
    println!("not {property} after {} steps: {steps:#?}", steps.len());
}

/// Returns `small` for runs of the suite, and `large` for searches by hand.
pub(crate) fn bound<T>(small: T, large: T) -> T {
    match env::var("REDLOCK_MODEL_BOUND") {
        Err(env::VarError::NotPresent) => small,
        Ok(bound) if bound == "large" => large,
        other => panic!("REDLOCK_MODEL_BOUND is {other:?}: unset it, or set it to \"large\""),
    }
}
