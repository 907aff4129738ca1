//! Trials with the right rules.

use super::rules::{MS, Rules};
use super::scenario::Scenario;
use super::trials::holds;

/// Three and five nodes, few and many waiters, short and long holds.
fn holds_in_all(scenario: impl Fn(Scenario) -> Scenario) {
    for (nodes, waiters, hold) in [(3, 2, 2), (3, 12, 20), (5, 6, 2), (5, 12, 1_000)] {
        let plain = Scenario {
            hold: hold * MS,
            ..Scenario::new(nodes, waiters)
        };
        holds(&scenario(plain), Rules::RIGHT);
    }
}

#[test]
fn waiters_without_a_fault() {
    holds_in_all(|plain| plain);
}

#[test]
fn waiters_overtaken_by_newcomers() {
    holds_in_all(|plain| Scenario {
        newcomers: plain.waiters / 2,
        ..plain
    });
}

#[test]
fn waiters_with_uneven_delays() {
    holds_in_all(|plain| Scenario {
        delay: (10, 4_000),
        spacing: 8 * MS,
        newcomers: plain.waiters / 2,
        ..plain
    });
}

#[test]
fn hung_waiters() {
    holds_in_all(|plain| Scenario {
        hang: plain.waiters / 2,
        ..plain
    });
}

#[test]
fn dead_waiters() {
    holds_in_all(|plain| Scenario {
        die: plain.waiters / 2,
        ..plain
    });
}

#[test]
fn cancelled_waiters() {
    holds_in_all(|plain| Scenario {
        cancel: plain.waiters / 3,
        cancel_at_hint: plain.waiters / 3,
        hang: plain.waiters / 4,
        ..plain
    });
}

#[test]
fn lost_hints() {
    for lost in [50, 1_000] {
        holds_in_all(|plain| Scenario { lost, ..plain });
    }
}

#[test]
fn lost_nodes_and_lists() {
    holds_in_all(|plain| Scenario {
        restarts: 3,
        evictions: 3,
        ..plain
    });
}

#[test]
fn waiters_in_another_order_on_each_node() {
    let collisions = 1_500 * MS;
    holds_in_all(|plain| Scenario {
        clock_steps: 10,
        collisions,
        ..plain
    });
    holds_in_all(|plain| Scenario {
        spacing: 10,
        distance: 2 * MS,
        collisions,
        ..plain
    });
}

#[test]
fn faults_of_every_kind() {
    holds_in_all(|plain| Scenario {
        newcomers: plain.waiters / 2,
        hang: plain.waiters / 4,
        die: plain.waiters / 4,
        cancel: plain.waiters / 4,
        lost: 50,
        restarts: 1,
        evictions: 1,
        clock_steps: 3,
        collisions: 1_500 * MS,
        ..plain
    });
}
