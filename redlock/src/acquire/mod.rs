//! Acquisition of a lock: rounds, one after the other, until one is won or the wait is over.
//!
//! ```text
//! request A   wait in the local queue ─┬─ round 1: busy ── wait ── round 2: won ── guard
//! request B                            └─ behind A: sends nothing until A's guard is released
//! ```
//!
//! A request waits in the local queue first. At its head it contacts the nodes, decides what the
//! refusal means, and waits for its turn or the next poll.

mod acquisition;
mod contender;
mod holder;
mod outcome;
mod pacing;
mod wait;

use std::sync::Arc;

use crate::acquire::acquisition::Acquisition;
use crate::acquire::contender::Contender;
use crate::config::LockOptions;
use crate::engine::Engine;
use crate::error::{LockError, LockLost, LossReason};
use crate::guard::LockGuard;
use crate::lease::{Refused, Round};
use crate::lease_id::LeaseId;
use crate::resource::Resources;
use crate::time::clock::Moment;

/// Acquires `resources`, all or none, in as many rounds as the options allow.
///
/// Cancel safe: dropping the future releases what its round was granted and leaves the queue.
pub(crate) async fn acquire(
    engine: &Arc<Engine>,
    resources: &Resources,
    options: &LockOptions,
) -> Result<LockGuard, LockError> {
    let acquisition = Acquisition::begin(resources, Moment::now());
    let contender = Contender::new(engine, resources, options, acquisition.began());
    let won = match contender.contend().await {
        Err(error) if error.is_busy() && engine.config().label.is_some() => {
            // Boxed: the future of a request has no room for it.
            Err(Box::pin(holder::name(engine, error)).await)
        }
        won => won,
    };
    acquisition.end(won.and_then(|guard| unless_closed(engine, guard)))
}

/// Adopts a lease that was acquired elsewhere, in one round. Calls `end_former` before it returns the
/// guard.
///
/// Cancel safe: the lease gets its id back. It may have been extended once.
pub(crate) async fn adopt(
    engine: &Arc<Engine>,
    resources: &Resources,
    id: &LeaseId,
    options: &LockOptions,
    end_former: impl FnOnce(),
) -> Result<LockGuard, LockError> {
    let acquisition = Acquisition::begin(resources, Moment::now());
    let round = Round::adopt(engine, resources, id, options);
    acquisition.end(match round.outcome().await {
        // Without an await from here on, so that the former holder ends only if the guard is returned.
        Ok(lease) => unless_closed(engine, LockGuard::new(lease)).inspect(|_| end_former()),
        Err(Refused(tally)) if tally.is_gone() => {
            let failures = tally.losses(engine.names());
            Err(LockLost::new(resources.clone(), LossReason::Gone, failures).into())
        }
        Err(Refused(tally)) => Err(outcome::busy_or_no_quorum(
            engine, resources, options, &tally,
        )),
    })
}

/// Gives up a guard that was won while the manager was shut down: shutdown has already released
/// the leases that it knew.
fn unless_closed(engine: &Engine, guard: LockGuard) -> Result<LockGuard, LockError> {
    if engine.shutdown_signal().is_closed() {
        guard.abandon();
        return Err(LockError::Closed);
    }
    Ok(guard)
}
