//! Searches with lost counters, and the rules that compensate for the loss.

use crate::protocol::Protocol;
use crate::search::{bound, breaks, breaks_uniqueness_alone, holds};
use crate::state::NODES;
use crate::system::{Proposals, System};

fn losing(losses: u8, rules: Protocol, attempts: usize) -> System {
    System {
        losses,
        ..System::new(rules, attempts)
    }
}

fn losing_by_the_clock(losses: u8, rules: Protocol, attempts: usize) -> System {
    System {
        proposals: Proposals::Clock,
        ..losing(losses, rules, attempts)
    }
}

#[test]
fn stamps_at_a_quorum_do_not_survive_one_loss() {
    breaks(losing(1, Protocol::RIGHT, 2));
}

#[test]
fn stamps_at_every_node_survive_two_losses_but_not_three() {
    let rules = Protocol::RIGHT.votes(NODES);
    let two = System {
        pipelines: bound(0, 2),
        begin: bound(1, 2),
        ..losing(2, rules, 2)
    };
    holds(two, 41_000);
    breaks(losing(3, rules, 2));
}

/// Attempts that overlap may propose the same number.
#[test]
fn clocks_alone_keep_tokens_monotonic_but_not_unique() {
    let two = System {
        pipelines: 2,
        ..losing_by_the_clock(1, Protocol::RIGHT, 2)
    };
    let three = losing_by_the_clock(1, Protocol::RIGHT, 3);
    for system in bound(&[two][..], &[two, three]) {
        breaks_uniqueness_alone(*system, 130_000);
    }
}

#[test]
fn clocks_and_quarantine_keep_tokens_monotonic_and_unique() {
    let rules = Protocol::RIGHT.quarantine();
    let two = System {
        pipelines: 2,
        ..losing_by_the_clock(bound(1, 2), rules, 2)
    };
    let three = losing_by_the_clock(1, rules, 3);
    for system in bound(&[two][..], &[two, three]) {
        holds(*system, 350_000);
    }
}

#[test]
fn quarantine_alone_keeps_neither() {
    breaks(losing(1, Protocol::RIGHT.quarantine(), 2));
}
