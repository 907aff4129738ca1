//! The error of a request that did not get its lock.
//!
//! It is `Busy` if enough nodes reported that another owner holds the lock. It is `Quarantined` if
//! nodes in quarantine would have been enough for a quorum. Otherwise it is `NoQuorum`.

use std::sync::Arc;

use crate::config::LockOptions;
use crate::engine::Engine;
use crate::error::LockError;
use crate::quorum;
use crate::quorum::tally::Tally;
use crate::resource::Resources;
use crate::time::clock::Moment;
use crate::time::validity;
use crate::waiting::head::HeadStatus;

/// The error of a round that was lost.
pub(crate) fn busy_or_no_quorum(
    engine: &Engine,
    resources: &Resources,
    options: &LockOptions,
    tally: &Tally,
) -> LockError {
    if tally.is_busy() {
        return LockError::Busy {
            resource: resources.first().clone(),
            others: resources.others(),
            remaining: tally.free_in(),
            busy: quorum::nodes(tally.busy()),
            is_minimum: tally.may_be_busy_elsewhere(),
            is_local: false,
            nodes: quorum::nodes(engine.quorum().nodes()),
            holder: None,
        };
    }
    let responding = tally.granted() + tally.busy();
    let missing = tally.quorum().needed().saturating_sub(responding);
    if missing > 0
        && tally.quarantined() >= missing
        && let Some(remaining) = engine.deployment().quarantine_ends_in(missing)
    {
        return LockError::Quarantined { remaining };
    }
    no_quorum(engine, options, tally)
}

/// The error of a round without a quorum for any owner.
pub(crate) fn no_quorum(engine: &Engine, options: &LockOptions, tally: &Tally) -> LockError {
    // Grants that came too late do not count.
    let enough = Moment::now().checked_add(validity::min_validity(options.first_ttl()));
    let granted = enough.map_or(0, |enough| tally.granted_until(enough));
    LockError::NoQuorum {
        granted: quorum::nodes(granted),
        needed: quorum::nodes(tally.quorum().needed()),
        nodes: quorum::nodes(engine.quorum().nodes()),
        failures: tally.failures(engine.names()),
    }
}

/// The error of a key that holds something other than a lock.
pub(crate) fn not_a_lock(engine: &Engine, resources: &Resources, node: usize) -> LockError {
    LockError::NotALock {
        resource: resources.first().clone(),
        others: resources.others(),
        node: Arc::clone(&engine.names()[node]),
    }
}

/// The error of a request that is behind another one in this process, from what is known of that
/// one.
pub(crate) fn behind_local_holder(
    engine: &Engine,
    resources: &Resources,
    status: &HeadStatus,
) -> LockError {
    // The lease counts the nodes that have confirmed it.
    let (mut busy, mut remaining, mut is_minimum, mut is_local) = (0, None, false, true);
    match status {
        HeadStatus::Held(holder) => {
            if let Some(holder) = holder.upgrade() {
                let (nodes, left) = holder.hold();
                (busy, remaining) = (nodes, Some(left));
            }
        }
        HeadStatus::Waiting(Some(refused)) => {
            let (at, error) = &**refused;
            let LockError::Busy {
                busy: nodes,
                remaining: left,
                is_minimum: may_be_more,
                is_local: is_known,
                ..
            } = error
            else {
                return error.clone();
            };
            let passed = Moment::now().saturating_since(*at);
            remaining = left.map(|left| left.saturating_sub(passed));
            (busy, is_minimum, is_local) = (*nodes, *may_be_more, *is_known);
        }
        HeadStatus::Waiting(None) => {}
    }
    LockError::Busy {
        resource: resources.first().clone(),
        others: resources.others(),
        remaining,
        busy,
        is_minimum,
        is_local,
        nodes: quorum::nodes(engine.quorum().nodes()),
        holder: None,
    }
}
