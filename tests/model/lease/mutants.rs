//! Searches with a mistake in the rules, or beyond what the rules promise. Each finds two holders.

use super::node::Loss;
use super::properties::EXCLUSIVE;
use super::rules::{Blank, Durability, Forming, MaxTtl, Rearming, Rules};
use super::system::System;
use crate::search::{bound, violates};
use crate::state::NODES;

/// The right rules, without re-arming.
const PLAIN: Rules = Rules::RIGHT.without_rearming();

/// Two members of a deployment of which one node restarts empty.
const fn restarting(rules: Rules) -> System {
    System {
        restarts: 1,
        ..System::new(rules)
    }
}

/// Two members of a deployment of which one node is flushed.
const fn flushing(rules: Rules) -> System {
    System {
        flushes: 1,
        ..System::new(rules)
    }
}

/// Two managers that find blank nodes, of which one restarts empty.
const fn forming(forming: Forming) -> System {
    System {
        members: 0,
        ..restarting(Rules { forming, ..PLAIN })
    }
}

#[test]
fn no_quarantine() {
    let rules = Rules {
        quarantine: false,
        ..PLAIN
    };
    violates(restarting(rules), EXCLUSIVE);
}

#[test]
fn counting_a_grant_after_an_invalidation_of_the_record() {
    let rules = Rules {
        checks_record: false,
        ..PLAIN
    };
    violates(flushing(rules), EXCLUSIVE);
}

#[test]
fn taking_a_blank_node_for_new_if_it_is_older_than_the_deployment() {
    let rules = Rules {
        blank: Blank::IfOlder,
        ..PLAIN
    };
    violates(flushing(rules), EXCLUSIVE);
}

#[test]
fn taking_a_blank_node_for_new_if_others_are_blank() {
    let rules = Rules {
        blank: Blank::IfOthersAre,
        ..PLAIN
    };
    let system = System {
        restarts: 2,
        ..restarting(rules)
    };
    violates(system, EXCLUSIVE);
}

#[test]
fn judging_durability_by_the_new_process() {
    let rules = Rules {
        durability: Durability::NewProcess,
        ..PLAIN
    };
    let system = System {
        losses: &[Loss::Tail],
        processes: &[false, true],
        ..restarting(rules)
    };
    violates(system, EXCLUSIVE);
}

/// A process that is not durable comes and goes between two that are. What it wrote is lost.
#[test]
fn counting_an_extension_before_the_record_of_its_process() {
    let rules = Rules {
        settles_first: false,
        ..PLAIN
    };
    let system = System {
        restarts: 2,
        durable: true,
        losses: &[Loss::Tail],
        processes: &[false, true],
        ..System::new(rules).ttl(2)
    };
    violates(system, EXCLUSIVE);
}

#[test]
fn taking_the_max_ttl_from_the_local_manager() {
    let rules = Rules {
        max_ttl: MaxTtl::Own,
        ..PLAIN
    };
    let system = System {
        max_ttls: [2, 1, 1],
        recorded: 2,
        ..restarting(rules)
    };
    violates(system, EXCLUSIVE);
}

/// None of the records that it has read need be one that a longer lease relies on.
#[test]
fn taking_the_max_ttl_from_records_that_happen_to_be_known() {
    let rules = Rules {
        max_ttl: MaxTtl::OfRead,
        ..PLAIN
    };
    let system = System {
        max_ttls: [2, 1, 1],
        ..restarting(rules)
    };
    violates(system, EXCLUSIVE);
}

#[test]
fn counting_a_rearmed_node_at_once() {
    let rules = Rules {
        rearm: Rearming {
            counts_at_once: true,
            ..Rules::RIGHT.rearm
        },
        ..Rules::RIGHT
    };
    let system = System {
        round: 1,
        ..flushing(rules).ttl(3)
    };
    violates(system, EXCLUSIVE);
}

/// The round of another manager still counts a grant that the node has lost. It wins when one of the
/// others loses its key to time.
#[test]
fn counting_a_rearmed_node_while_a_round_may_count_it_too() {
    let rules = Rules {
        rearm: Rearming {
            outlasts_rounds: false,
            ..Rules::RIGHT.rearm
        },
        ..Rules::RIGHT
    };
    let system = System {
        round: 1,
        ..flushing(rules).ttl(2)
    };
    violates(system, EXCLUSIVE);
}

#[test]
fn forming_in_one_step() {
    let system = System {
        unread_writes: true,
        ..forming(Forming {
            in_two_steps: false,
            ..PLAIN.forming
        })
    };
    violates(system, EXCLUSIVE);
}

#[test]
fn completing_what_was_read_once() {
    let system = System {
        unread_writes: true,
        ..forming(Forming {
            reads_again: false,
            ..PLAIN.forming
        })
    };
    violates(system, EXCLUSIVE);
}

/// A manager that did not know better wrote it after the node had lost its data.
#[test]
fn completing_a_forming_record_because_another_node_is_complete() {
    let system = forming(Forming {
        trusts_forming: true,
        ..PLAIN.forming
    });
    violates(system, EXCLUSIVE);
}

#[test]
fn completing_a_forming_record_of_a_former_process() {
    let system = System {
        restarts: 2,
        losses: &[Loss::TailAndRecord],
        ..forming(Forming {
            checks_run: false,
            ..PLAIN.forming
        })
    };
    violates(system, EXCLUSIVE);
}

/// Both complete nodes are lost before the third has become complete.
#[test]
fn a_deployment_that_is_complete_on_a_quorum_does_not_survive_two_losses() {
    let system = System {
        restarts: 2,
        ..forming(PLAIN.forming)
    };
    for system in bound(&[][..], &[system]) {
        violates(*system, EXCLUSIVE);
    }
}

/// No record and no manager is left that knows the deployment.
#[test]
fn a_deployment_does_not_survive_the_loss_of_every_record() {
    let system = System {
        members: 1,
        restarts: 3,
        ..restarting(PLAIN)
    };
    violates(system, EXCLUSIVE);
    assert_eq!(NODES, 3, "as many as restarts");
}
