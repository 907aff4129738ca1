//! Searches with the library's rules, while counters survive.

use crate::protocol::{Protocol, Raise, Stamped};
use crate::search::{bound, holds};
use crate::system::{Expiry, Proposals, System, Targets};

#[test]
fn two_attempts_by_script() {
    let system = System {
        begin: bound(2, 5),
        proposals: Proposals::UpTo(bound(3, 6)),
        expiry: Expiry::Anytime,
        ..System::new(Protocol::RIGHT, 2)
    };
    holds(system, 90_000);
}

#[test]
fn two_attempts_by_script_or_pipeline() {
    let system = System {
        pipelines: 2,
        begin: bound(0, 2),
        proposals: Proposals::UpTo(bound(2, 3)),
        expiry: Expiry::Anytime,
        ..System::new(Protocol::RIGHT, 2)
    };
    holds(system, 240_000);
}

#[test]
fn two_attempts_by_script_with_duplicates() {
    let system = System {
        copies: 2,
        begin: bound(0, 1),
        proposals: Proposals::UpTo(bound(1, 4)),
        ..System::new(Protocol::RIGHT, 2)
    };
    holds(system, 190_000);
}

#[test]
fn two_attempts_by_script_or_pipeline_with_duplicates() {
    let system = System {
        copies: 2,
        pipelines: bound(1, 2),
        proposals: Proposals::UpTo(bound(1, 2)),
        ..System::new(Protocol::RIGHT, 2)
    };
    holds(system, 480_000);
}

#[test]
fn three_attempts_by_script() {
    let system = System {
        begin: bound(0, 2),
        proposals: Proposals::UpTo(bound(2, 3)),
        ..System::new(Protocol::RIGHT, 3)
    };
    holds(system, 240_000);
}

#[test]
fn three_attempts_by_script_or_pipeline() {
    let system = System {
        pipelines: 2,
        proposals: Proposals::UpTo(bound(1, 2)),
        ..System::new(Protocol::RIGHT, 3)
    };
    holds(system, 600_000);
}

/// An attempt raises beyond the reported numbers when others move a counter that it is raising.
#[test]
fn two_attempts_that_raise_to_any_number() {
    let scripts = System {
        targets: Targets::Any,
        choices: bound(2, 3),
        ..System::new(Protocol::RIGHT, 2)
    };
    let pipelines = System {
        targets: Targets::Any,
        pipelines: 2,
        proposals: Proposals::UpTo(bound(1, 2)),
        ..System::new(Protocol::RIGHT, 2)
    };
    holds(scripts, 430_000);
    holds(pipelines, 260_000);
}

/// An adoption does this: it raises a lock acquired by another attempt to a larger number.
#[test]
fn two_attempts_under_one_id_that_raise_to_any_number() {
    let rules = Protocol {
        one_id: true,
        ..Protocol::RIGHT
    };
    let system = System {
        targets: Targets::Any,
        choices: bound(1, 2),
        ..System::new(rules, 2)
    };
    holds(system, 90_000);
}

#[test]
fn one_of_the_two_raise_conditions_suffices_for_scripts() {
    let any_client = Raise {
        owners_only: false,
        ..Raise::RIGHT
    };
    let or_equal = Raise {
        stamps: Stamped::BelowOrEqual,
        ..Raise::RIGHT
    };
    for (raise, states) in [(any_client, 23_000), (or_equal, 1_800)] {
        holds(System::new(Protocol::RIGHT.raise(raise), 2), states);
    }
}
