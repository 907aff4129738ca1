//! Rounds, one after the other, until a lock is won or the wait is over.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{self, Moment};
use crate::config::{LockOptions, Wait};
use crate::engine::Engine;
use crate::error::{LockError, LockLost, LossReason};
use crate::guard::LockGuard;
use crate::lease::{Refused, Round};
use crate::lease_id::LeaseId;
use crate::quorum::{self, Tally};
use crate::resource::Resources;
use crate::validity;

/// Acquires `resources`, all or none, for as many rounds as the options allow.
///
/// Cancel safe: a round that is dropped releases what it took.
pub(crate) async fn acquire(
    engine: &Arc<Engine>,
    resources: &Resources,
    options: &LockOptions,
) -> Result<LockGuard, LockError> {
    let last_start = options.wait.until(Moment::now());
    let rounds = match options.wait {
        Wait::No => 1,
        Wait::For(_) => engine.config().retry_count.unwrap_or(u32::MAX),
    };
    let mut eternal_rounds = 0;
    for number in 1_u32.. {
        let round = Round::start(engine, resources, options, number > 1);
        let refused = match round.outcome().await {
            Ok(lease) => return Ok(LockGuard::new(lease)),
            Err(Refused(tally)) => tally,
        };
        if let Some(node) = refused.not_a_lock() {
            return Err(not_a_lock(engine, resources, node));
        }
        // A lock without expiry is no lock. Seen twice, because another library may have been
        // between setting the key and setting its expiry.
        if let Some(node) = refused.busy_for_ever() {
            eternal_rounds += 1;
            if eternal_rounds == 2 {
                return Err(not_a_lock(engine, resources, node));
            }
        }
        let now = Moment::now();
        let is_last = number >= rounds || last_start.is_some_and(|last| now >= last);
        if is_last {
            return Err(refusal(engine, resources, options, &refused));
        }
        clock::sleep_until(next_start(engine, now, last_start)).await;
    }
    Err(LockError::Closed)
}

/// Takes over a lease that was made elsewhere, in one round.
///
/// Cancel safe: the lease is left alone, though it may have been extended once.
pub(crate) async fn adopt(
    engine: &Arc<Engine>,
    resources: &Resources,
    id: LeaseId,
    options: &LockOptions,
) -> Result<LockGuard, LockError> {
    match Round::adopt(engine, resources, id, options).outcome().await {
        Ok(lease) => Ok(LockGuard::new(lease)),
        Err(Refused(tally)) if tally.is_gone() => {
            Err(LockLost::new(resources.clone(), LossReason::Gone).into())
        }
        Err(Refused(tally)) => Err(no_quorum(engine, options, &tally)),
    }
}

/// When the next round starts: after a random delay, but not after the wait is over.
fn next_start(engine: &Engine, now: Moment, last_start: Option<Moment>) -> Moment {
    let delay = engine
        .jitter()
        .up_to(engine.config().retry_delay)
        .max(MIN_PAUSE);
    let next = now.checked_add(delay).unwrap_or(now);
    last_start.map_or(next, |last| next.min(last))
}

/// Why a round was lost. Busy only where the nodes said so: unreachable is something else.
fn refusal(
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
            nodes: quorum::nodes(engine.quorum().nodes()),
        };
    }
    no_quorum(engine, options, tally)
}

fn no_quorum(engine: &Engine, options: &LockOptions, tally: &Tally) -> LockError {
    // Grants that came too late to be of use are none.
    let enough = Moment::now().checked_add(validity::min_validity(options.first_ttl()));
    let granted = enough.map_or(0, |enough| tally.granted_until(enough));
    LockError::NoQuorum {
        granted: quorum::nodes(granted),
        needed: quorum::nodes(tally.quorum().needed()),
        nodes: quorum::nodes(engine.quorum().nodes()),
        failures: tally.failures(engine.names()),
    }
}

fn not_a_lock(engine: &Engine, resources: &Resources, node: usize) -> LockError {
    LockError::NotALock {
        resource: resources.first().clone(),
        others: resources.others(),
        node: Arc::clone(&engine.names()[node]),
    }
}

/// Even without a retry delay, nodes that fail at once are not asked in a tight loop.
const MIN_PAUSE: Duration = Duration::from_millis(1);
