//! Rules with a mistake in them, every one of which is found.

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
fn a_raise_with_or_equal_where_losers_move_counters_too() {
    breaks(pipelines(Protocol::RIGHT.raise(OR_EQUAL)));
}

#[test]
fn a_raise_with_or_equal_by_anybody() {
    let raise = Raise {
        owners_only: false,
        ..OR_EQUAL
    };
    breaks(scripts(Protocol::RIGHT.raise(raise)));
}

#[test]
fn counting_a_counter_that_is_merely_equal() {
    let raise = Raise {
        counts_equal: true,
        ..Raise::RIGHT
    };
    breaks(scripts(Protocol::RIGHT.raise(raise)));
    breaks(pipelines(Protocol::RIGHT.raise(raise)));
}

#[test]
fn a_second_acquire_under_one_id_that_is_told_the_counter() {
    let rules = Protocol {
        repeats: true,
        one_id: true,
        ..Protocol::RIGHT
    };
    breaks(scripts(rules));
}

#[test]
fn a_minority_of_votes() {
    breaks(scripts(Protocol::RIGHT.votes(1)));
    breaks(pipelines(Protocol::RIGHT.votes(1)));
}

#[test]
fn a_grant_that_leaves_the_counter() {
    let rules = Protocol {
        increments: false,
        ..Protocol::RIGHT
    };
    breaks(scripts(rules));
}

#[test]
fn a_pipeline_that_counts_without_a_move() {
    let rules = Protocol {
        counts_moves: false,
        ..Protocol::RIGHT
    };
    breaks(pipelines(rules));
}
