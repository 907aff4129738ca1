//! Searches with the right rules.

use super::node::Loss;
use super::properties::ONE_DEPLOYMENT;
use super::rules::{Forming, Rules};
use super::system::System;
use crate::search::{bound, holds, violates};
use crate::state::NODES;

const RIGHT: System = System::new(Rules::RIGHT);

/// Two managers that find blank nodes.
const BLANK: System = System {
    members: 0,
    ..System::new(Rules::RIGHT.without_rearming())
};

#[test]
fn a_deployment_forms_once() {
    let system = System {
        agrees: true,
        late_writers: bound(0, 1),
        unread_writes: bound(false, true),
        ..BLANK
    };
    holds(system, 3_900);
}

#[test]
fn a_restart_while_a_deployment_forms() {
    let system = System {
        restarts: 1,
        losses: bound(
            &[Loss::Everything],
            &[Loss::Everything, Loss::TailAndRecord],
        ),
        late_writers: bound(0, 1),
        unread_writes: bound(false, true),
        ..BLANK
    };
    holds(system, 70_000);
}

#[test]
fn a_flush_while_a_deployment_forms() {
    let system = System {
        flushes: 1,
        late_writers: bound(0, 1),
        unread_writes: bound(false, true),
        ..BLANK
    };
    holds(system, 50_000);
}

/// One of them has no quorum, so no lock is acquired on it twice.
#[test]
fn a_loss_while_a_deployment_forms_can_leave_two() {
    let system = System {
        restarts: 1,
        agrees: true,
        unread_writes: true,
        ..BLANK
    };
    for system in bound(&[][..], &[system]) {
        violates(*system, ONE_DEPLOYMENT);
    }
}

/// The second manager knows nothing at first.
#[test]
fn two_nodes_restart_empty() {
    let system = System {
        members: 1,
        restarts: 2,
        ..System::new(Rules::RIGHT.without_rearming())
    };
    holds(system, 16_000);
}

#[test]
fn two_nodes_lose_a_tail_or_fail_over() {
    let system = System {
        members: bound(2, 1),
        restarts: 2,
        losses: &[Loss::Nothing, Loss::Tail, Loss::TailAndRecord],
        processes: bound(&[false], &[false, true]),
        ..System::new(Rules::RIGHT.without_rearming())
    };
    holds(system, 10_000);
}

#[test]
fn durable_processes_come_and_go() {
    let ttl = bound(1, 2);
    let system = System {
        restarts: 2,
        durable: true,
        losses: &[Loss::Tail],
        processes: &[false, true],
        ..RIGHT.ttl(ttl)
    };
    holds(system, 10_000);
}

#[test]
fn managers_with_different_ttls() {
    let system = System {
        restarts: 1,
        max_ttls: [2, 1, 1],
        rules: bound(Rules::RIGHT.without_rearming(), Rules::RIGHT),
        ..RIGHT
    };
    holds(system, 10_000);
}

#[test]
fn a_flush_races_grants_and_rearms() {
    let system = System {
        flushes: bound(1, 2),
        round: 1,
        ..RIGHT.ttl(2)
    };
    holds(system, 20_000);
}

#[test]
fn a_lease_outlives_restarts() {
    let system = System {
        restarts: bound(1, 2),
        round: 1,
        ..RIGHT.ttl(bound(2, 3))
    };
    holds(system, 10_000);
}

#[test]
fn a_lease_outlives_the_loss_of_a_quorum_in_quarantine() {
    let system = System {
        restarts: bound(1, 2),
        round: 1,
        ..System::new(Rules::RIGHT.rearming_in_quarantine())
    }
    .ttl(2);
    holds(system, 10_000);
}

/// The first acquire waits until the deployment is complete on every node.
#[test]
fn two_restarts_while_a_deployment_forms_on_every_node() {
    let mut rules = Rules::RIGHT.without_rearming();
    rules.forming = Forming {
        complete: NODES,
        ..rules.forming
    };
    let system = System {
        rules,
        restarts: 2,
        ..BLANK
    };
    for system in bound(&[][..], &[system]) {
        holds(*system, 100_000);
    }
}

#[test]
fn rearming_with_different_ttls() {
    let system = System {
        flushes: 1,
        round: 1,
        max_ttls: [2, 3, 1],
        recorded: 3,
        ..RIGHT
    };
    for system in bound(&[][..], &[system]) {
        holds(*system, 10_000);
    }
}

/// The third manager knows nothing at first.
#[test]
fn three_managers_with_a_restart_and_a_flush() {
    let system = System {
        managers: 3,
        restarts: 1,
        flushes: 1,
        ..RIGHT
    };
    for system in bound(&[][..], &[system]) {
        holds(*system, 100_000);
    }
}

#[test]
fn a_lease_outlives_a_restart_and_a_flush_in_quarantine() {
    let system = System {
        restarts: 1,
        flushes: 1,
        members: 1,
        round: 1,
        losses: &[Loss::Everything, Loss::TailAndRecord],
        ..System::new(Rules::RIGHT.rearming_in_quarantine())
    }
    .ttl(2);
    for system in bound(&[][..], &[system]) {
        holds(*system, 100_000);
    }
}
