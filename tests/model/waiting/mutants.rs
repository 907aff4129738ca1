//! Trials with a mistake in the rules, each of which violates a property or needs more rounds.

use super::rules::{MS, Rechecks, Requeue, Rules};
use super::scenario::Scenario;
use super::trials::{breaks, holds, is_late, is_unserved, rounds, violates};
use super::verdict::Violation;

/// The right rules, to change some of them.
const RIGHT: Rules = Rules::RIGHT;

/// Twelve waiters with short holds and fast links.
const FAST: Scenario = Scenario {
    hold: 2 * MS,
    delay: (50, 200),
    ..Scenario::new(3, 12)
};

/// Contenders in as many zones as there are nodes. All begin at almost the same time, so each is the
/// first on the node of its zone.
const fn zones(nodes: usize, waiters: usize) -> Scenario {
    Scenario {
        hold: 2 * MS,
        spacing: 10,
        distance: 2 * MS,
        collisions: 1_500 * MS,
        horizon: 5_000 * MS,
        ..Scenario::new(nodes, waiters)
    }
}

#[test]
fn not_skipping_dead_waiters() {
    let scenario = Scenario { die: 6, ..FAST };
    let rules = Rules {
        skips_dead: false,
        ..RIGHT
    };
    violates(&scenario, rules, is_late);
}

/// More waiters have crashed together than one hint skips.
#[test]
fn giving_up_behind_many_dead_waiters() {
    let scenario = Scenario {
        hold: 2 * MS,
        crash: 56,
        ..Scenario::new(3, 60)
    };
    let rules = Rules {
        resumes: false,
        ..RIGHT
    };
    violates(&scenario, rules, is_late);
}

#[test]
fn reservations_that_do_not_expire() {
    let scenario = Scenario {
        hang: 4,
        horizon: 20_000 * MS,
        ..FAST
    };
    let rules = Rules {
        next_expires: false,
        ..RIGHT
    };
    violates(&scenario, rules, is_unserved);
    breaks(&scenario, rules, |it| {
        matches!(it, Violation::LongRefusal(_))
    });
}

/// A hung waiter stays in front and is hinted again and again.
#[test]
fn popping_waiters_only_on_success() {
    let scenario = Scenario {
        hang: 4,
        horizon: 20_000 * MS,
        ..FAST
    };
    let rules = Rules {
        pops: false,
        ..RIGHT
    };
    violates(&scenario, rules, is_late);
}

/// The nodes that refused the round have registered its waiter. The waiter is therefore hinted by
/// other nodes than the next one, and the two split the votes.
#[test]
fn not_requeuing_the_waiter_of_a_lost_round() {
    let scenario = Scenario {
        hold: 2 * MS,
        newcomers: 6,
        restarts: 3,
        ..Scenario::new(5, 12)
    };
    let rules = Rules {
        requeues: Requeue::Never,
        ..RIGHT
    };
    assert!(rounds(&scenario, RIGHT) < 2.5);
    assert!(rounds(&scenario, rules) > 2.5);
}

/// Each of three waiters is hinted by its own node, because it was the last to ask there. They split
/// the votes, and do so again forever.
#[test]
fn requeuing_before_the_hint() {
    let rules = Rules {
        backs_off: false,
        ..RIGHT
    };
    holds(&zones(3, 3), rules);
    let rules = Rules {
        requeues: Requeue::BeforeHint,
        ..rules
    };
    breaks(&zones(3, 3), rules, is_unserved);
}

#[test]
fn not_backing_off_after_a_minority_of_hints() {
    let rules = Rules {
        backs_off: false,
        ..RIGHT
    };
    violates(&zones(3, 6), rules, is_unserved);
}

/// A hint of a lost round takes the node from the waiter that was hinted before.
#[test]
fn hinting_another_waiter_during_a_reservation() {
    let rules = Rules {
        respects_next: false,
        ..RIGHT
    };
    violates(&zones(5, 12), rules, is_late);
}

#[test]
fn leaving_without_passing_the_hint_on() {
    let scenario = Scenario {
        cancel_at_hint: 8,
        ..FAST
    };
    let rules = Rules {
        passes_on: false,
        ..RIGHT
    };
    violates(&scenario, rules, is_late);
}

/// A contender that died has left a key on the node that refused the last winner.
#[test]
fn winning_without_leaving_the_lists() {
    let scenario = Scenario {
        hold: 2 * MS,
        delay: (100, 4_000),
        newcomers: 12,
        die: 6,
        ..Scenario::new(3, 12)
    };
    let rules = Rules {
        winners_leave: false,
        ..RIGHT
    };
    violates(&scenario, rules, |it| matches!(it, Violation::Remains(_)));
}

#[test]
fn not_polling() {
    let scenario = Scenario {
        lost: 1_000,
        ..Scenario::new(3, 2)
    };
    let rules = Rules {
        polls: false,
        ..RIGHT
    };
    violates(&scenario, rules, is_unserved);
}

/// Polls find the free lock after a hung waiter, up to a poll interval later.
#[test]
fn not_checking_whether_a_hint_was_taken_up() {
    let scenario = Scenario { hang: 4, ..FAST };
    let rules = Rules {
        rechecks: Rechecks::Never,
        ..RIGHT
    };
    violates(&scenario, rules, is_late);
}

/// The second of two hung waiters, one behind the other, is found by polls alone.
#[test]
fn checking_only_once_whether_a_hint_was_taken_up() {
    let scenario = Scenario { hang: 6, ..FAST };
    let rules = Rules {
        rechecks: Rechecks::Once,
        ..RIGHT
    };
    violates(&scenario, rules, is_late);
}

/// A node that has no key while a quorum holds the lock starts rounds without end.
#[test]
fn looking_at_nodes_that_granted_the_last_round() {
    let scenario = Scenario {
        hold: 1_000 * MS,
        clock_steps: 10,
        ..Scenario::new(3, 12)
    };
    let rules = Rules {
        looks_at_refusals: false,
        ..RIGHT
    };
    assert!(rounds(&scenario, RIGHT) < 16.0);
    assert!(rounds(&scenario, rules) > 16.0);
}

#[test]
fn granting_a_held_key_to_a_hinted_waiter() {
    let scenario = Scenario {
        newcomers: 6,
        ..FAST
    };
    let rules = Rules {
        next_grants: true,
        ..RIGHT
    };
    violates(&scenario, rules, |it| {
        matches!(it, Violation::TwoHolders(_))
    });
}
