//! Trials: simulations of a scenario with the schedules of many seeds.

use super::rules::Rules;
use super::scenario::Scenario;
use super::verdict::Violation;
use crate::search::bound;

/// Returns the seeds of a trial.
fn seeds() -> impl Iterator<Item = u64> {
    0..bound(50, 5_000)
}

/// Asserts that no schedule violates a property.
pub(crate) fn holds(scenario: &Scenario, rules: Rules) {
    for seed in seeds() {
        let violations = scenario.run(rules, seed).verdict();
        assert!(
            violations.is_empty(),
            "{violations:?} with seed {seed} of {scenario:?}"
        );
    }
}

/// Asserts that some schedule violates a property in this way, and that none does with the right
/// rules.
pub(crate) fn violates(scenario: &Scenario, rules: Rules, is_expected: fn(&Violation) -> bool) {
    holds(scenario, Rules::RIGHT);
    breaks(scenario, rules, is_expected);
}

/// Asserts that some schedule violates a property in this way.
pub(crate) fn breaks(scenario: &Scenario, rules: Rules, is_expected: fn(&Violation) -> bool) {
    let found = seeds().find_map(|seed| {
        let violations = scenario.run(rules, seed).verdict();
        let violation = violations.into_iter().find(is_expected)?;
        Some((seed, violation))
    });
    let (seed, violation) = found.expect("no schedule violates the property");
    println!("{violation:?} with seed {seed}");
}

/// Returns the mean number of rounds of a turn.
pub(crate) fn rounds(scenario: &Scenario, rules: Rules) -> f64 {
    let (mut rounds, mut turns) = (0, 0);
    for seed in seeds() {
        let world = scenario.run(rules, seed);
        rounds += world.contenders.iter().map(|it| it.rounds).sum::<u64>();
        turns += world.turns.len();
    }
    let mean = rounds as f64 / turns as f64;
    println!("{mean:.1} rounds per turn");
    mean
}

pub(crate) fn is_late(violation: &Violation) -> bool {
    matches!(violation, Violation::Late { .. })
}

pub(crate) fn is_unserved(violation: &Violation) -> bool {
    matches!(violation, Violation::Unserved(_))
}
