//! Searches with a mistake in the rules, each of which finds counterexamples.

use crate::protocol::{Protocol, Raise, Stamped};
use crate::search::breaks;
use crate::system::System;

const OR_EQUAL: Raise = Raise {
    stamps: Stamped::BelowOrEqual,
    ..Raise::RIGHT
};

/// Two attempts that acquire by script.
fn scripts(rules: Protocol) -> System {
    System::new(rules, 2)
}

/// Two attempts that acquire by script or by pipeline.
fn pipelines(rules: Protocol) -> System {
    System {
        pipelines: 2,
        ..scripts(rules)
    }
}

#[test]
fn raising_an_equal_counter_when_losers_move_counters() {
    breaks(pipelines(Protocol::RIGHT.raise(OR_EQUAL)));
}

#[test]
fn raising_an_equal_counter_without_holding_the_lock() {
    let raise = Raise {
        owners_only: false,
        ..OR_EQUAL
    };
    breaks(scripts(Protocol::RIGHT.raise(raise)));
}

#[test]
fn counting_an_equal_counter_as_a_vote() {
    let raise = Raise {
        counts_equal: true,
        ..Raise::RIGHT
    };
    breaks(scripts(Protocol::RIGHT.raise(raise)));
    breaks(pipelines(Protocol::RIGHT.raise(raise)));
}

#[test]
fn repeating_an_acquire_that_returns_the_counter() {
    let rules = Protocol {
        repeats: true,
        one_id: true,
        ..Protocol::RIGHT
    };
    breaks(scripts(rules));
}

#[test]
fn requiring_only_a_minority_of_votes() {
    breaks(scripts(Protocol::RIGHT.votes(1)));
    breaks(pipelines(Protocol::RIGHT.votes(1)));
}

#[test]
fn granting_without_incrementing_the_counter() {
    let rules = Protocol {
        increments: false,
        ..Protocol::RIGHT
    };
    breaks(scripts(rules));
}

#[test]
fn counting_a_pipeline_that_moved_no_counter() {
    let rules = Protocol {
        counts_moves: false,
        ..Protocol::RIGHT
    };
    breaks(pipelines(rules));
}
