//! Required properties of leases and records, and examples that show that they are not vacuous.

use stateright::Property;

use super::manager::Phase;
use super::state::{MANAGERS, State};
use super::system::System;

/// No two managers hold the lock at the same time, each by its own clock.
pub(crate) const EXCLUSIVE: &str = "exclusive";

/// No two nodes have complete records of different deployments.
pub(crate) const ONE_DEPLOYMENT: &str = "one deployment";

/// Returns the properties, and the examples without which they would hold for lack of leases.
pub(crate) fn all(system: &System) -> Vec<Property<System>> {
    let mut all = vec![
        Property::always(EXCLUSIVE, is_exclusive),
        Property::sometimes("held by the first", held_by_the_first),
        Property::sometimes("held by the last", held_by_the_last),
    ];
    if system.agrees {
        all.push(Property::always(ONE_DEPLOYMENT, is_one_deployment));
    }
    if system.flushes + system.restarts > 0 {
        all.push(Property::sometimes(
            "held after all losses",
            held_after_all_losses,
        ));
    }
    all
}

fn holders(state: &State) -> usize {
    (0..MANAGERS)
        .filter(|manager| state.deadline(*manager) > 0)
        .count()
}

fn is_exclusive(_: &System, state: &State) -> bool {
    holders(state) < 2
}

fn is_one_deployment(_: &System, state: &State) -> bool {
    let mut ids = state
        .nodes
        .iter()
        .filter_map(|node| node.record?.complete_id());
    let first = ids.next();
    ids.all(|id| Some(id) == first)
}

fn held_by_the_first(_: &System, state: &State) -> bool {
    state.managers[0].phase == Phase::Held
}

fn held_by_the_last(system: &System, state: &State) -> bool {
    state.managers[system.managers - 1].phase == Phase::Held
}

fn held_after_all_losses(system: &System, state: &State) -> bool {
    let is_last = state.flushes == system.flushes && state.restarts == system.restarts;
    is_last && holders(state) > 0 && state.nodes.iter().all(|node| !node.is_quarantined())
}
