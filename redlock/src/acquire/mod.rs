//! Rounds, one after the other, until a lock is won or the wait is over.

mod outcome;
mod pacing;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::acquire::pacing::Changes;
use crate::config::{LockOptions, Wait};
use crate::engine::Engine;
use crate::error::{LockError, LockLost, LossReason};
use crate::guard::LockGuard;
use crate::lease::{Refused, Round};
use crate::lease_id::LeaseId;
use crate::node::Keys;
use crate::resource::Resources;
use crate::time::clock;
use crate::time::clock::Moment;
use crate::waiting::queue::{News, Place};
use crate::waiting::wakeup::Waiter;

/// Acquires `resources`, all or none, for as many rounds as the options allow, once it is this request's turn in
/// this process.
///
/// Cancel safe: a round that is dropped releases what it took, and a place in line is given up.
pub(crate) async fn acquire(
    engine: &Arc<Engine>,
    resources: &Resources,
    options: &LockOptions,
) -> Result<LockGuard, LockError> {
    let now = Moment::now();
    let contender = Contender {
        engine,
        resources,
        options,
        keys: resources.keys(&engine.config().key_prefix).into(),
        last_start: options.wait.until(now),
    };
    let place = contender.stand_in_line(now).await?;
    contender.contend(place).await
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
        Err(Refused(tally)) => Err(outcome::no_quorum(engine, options, &tally)),
    }
}

/// One request that is being carried out.
struct Contender<'a> {
    engine: &'a Arc<Engine>,
    resources: &'a Resources,
    options: &'a LockOptions,
    keys: Keys,
    /// When the last round starts.
    last_start: Option<Moment>,
}

impl Contender<'_> {
    /// Waits to be first in line, for as long as the request may wait.
    async fn stand_in_line(&self, now: Moment) -> Result<Place, LockError> {
        let (lines, config) = (self.engine.lines(), self.engine.config());
        // Longer than whoever is first is ever silent, between two rounds and during one.
        let pause = config.retry_delay.saturating_mul(UNTOLD);
        let patience = (config.patience() * 2).saturating_add(pause);
        if let Wait::No = self.options.wait {
            return lines
                .join_if_empty(&self.keys, now, patience)
                .map_err(|news| self.is_behind(&news));
        }
        let (place, is_first) = lines.join(&self.keys, now, patience);
        if is_first {
            return Ok(place);
        }
        tokio::select! {
            biased;
            () = place.first() => Ok(place),
            () = self.end_of_line(now) => Err(self.is_behind(&place.news())),
            () = self.engine.closing().closed() => Err(LockError::Closed),
        }
    }

    /// Ends when the request has been in line for as long as it may try.
    async fn end_of_line(&self, now: Moment) {
        let (config, jitter) = (self.engine.config(), self.engine.jitter());
        let end = match config.retry_count {
            // As long as so many rounds take, with the pauses between them.
            Some(rounds) => {
                let pauses = config.retry_delay.saturating_mul(rounds - 1);
                Some(self.until_last_start(now, jitter.up_to(pauses)))
            }
            None => self.last_start,
        };
        match end {
            Some(end) => clock::sleep_until(end).await,
            None => std::future::pending().await,
        }
    }

    /// Asks the nodes, round after round.
    async fn contend(&self, place: Place) -> Result<LockGuard, LockError> {
        let quorum = self.engine.grants();
        let waiter = match self.options.wait {
            Wait::No => None,
            Wait::For(_) => Some(Waiter::new(quorum)),
        };
        let mut is_contended = match &waiter {
            // Others may be after it, and this process may just have had it.
            Some(_) => self.hang_back(Duration::ZERO).await,
            None => false,
        };
        let rounds = match self.options.wait {
            Wait::No => 1,
            Wait::For(_) => self.engine.config().retry_count.unwrap_or(u32::MAX),
        };
        let (mut eternal_rounds, mut collisions, mut is_stirred) = (0, 0, true);
        let mut changes = Changes::default();
        for number in 1_u32.. {
            // It may have hung back since it looked.
            if self.engine.closing().is_closed() {
                break;
            }
            let round = self.ask(is_contended, waiter.as_ref());
            let refused = match round.outcome().await {
                Ok(lease) => {
                    self.engine.turns().won(&self.keys);
                    let guard = LockGuard::new(Arc::clone(&lease));
                    lease.keep_place(place);
                    return Ok(guard);
                }
                Err(Refused(tally)) => tally,
            };
            if let Some(node) = refused.not_a_lock() {
                return Err(outcome::not_a_lock(self.engine, self.resources, node));
            }
            // A lock without expiry is no lock. Seen twice, because another library may have been
            // between setting the key and setting its expiry.
            if let Some(node) = refused.busy_for_ever() {
                eternal_rounds += 1;
                if eternal_rounds == 2 {
                    return Err(outcome::not_a_lock(self.engine, self.resources, node));
                }
            }
            let now = Moment::now();
            let error = outcome::of_round(self.engine, self.resources, self.options, &refused);
            let is_last = number >= rounds || self.last_start.is_some_and(|last| now >= last);
            let Some(waiter) = waiter.as_ref().filter(|_| !is_last) else {
                return Err(error);
            };
            place.tell(&News::Refused(now, error), Some(now));
            if refused.is_busy() {
                self.engine
                    .turns()
                    .met(&self.keys, Instant::now(), is_stirred);
                waiter.learn(&refused);
            }
            collisions = if refused.is_split() {
                collisions + 1
            } else {
                0
            };
            is_contended = true;
            if changes.look(refused.free_in(), now) && !is_stirred {
                self.engine.note_told(false);
            }
            let next_look = self.next_look(refused.free_in(), &changes, now);
            is_stirred = tokio::select! {
                biased;
                () = waiter.stirred() => true,
                () = clock::sleep_until(next_look) => false,
                () = self.engine.closing().closed() => return Err(LockError::Closed),
            };
            if waiter.is_told() {
                self.engine.note_told(true);
            }
            if is_stirred {
                self.hang_back(self.part(collisions)).await;
            }
        }
        Err(LockError::Closed)
    }

    fn ask(&self, is_contended: bool, waiter: Option<&Arc<Waiter>>) -> Round {
        if let Some(waiter) = waiter {
            waiter.forget();
        }
        Round::start(
            self.engine,
            self.resources,
            self.options,
            is_contended,
            waiter,
        )
    }

    /// When to ask again if nothing is heard: after a random delay, or when the holder's lease
    /// ends, but not after the wait is over.
    fn next_look(&self, free_in: Option<Duration>, changes: &Changes, now: Moment) -> Moment {
        let (config, jitter) = (self.engine.config(), self.engine.jitter());
        let delay = if config.retry_count.is_some() {
            jitter.up_to(config.retry_delay)
        } else if self.engine.tells() {
            jitter.within(config.retry_delay * UNTOLD)
        } else {
            jitter.up_to(changes.hurry(config.retry_delay))
        };
        let expires = free_in.map(|left| {
            left.saturating_add(MIN_PAUSE)
                .saturating_add(jitter.up_to(PARTING))
        });
        let delay = expires.map_or(delay, |expires| expires.min(delay));
        self.until_last_start(now, delay.max(MIN_PAUSE))
    }

    /// Lets those go first who have waited longer, as far as one can tell. Says whether there are
    /// others at all.
    async fn hang_back(&self, more: Duration) -> bool {
        let (turns, jitter) = (self.engine.turns(), self.engine.jitter());
        let next = turns.next(&self.keys, Instant::now(), jitter);
        let delay = next.delay.saturating_add(more);
        if !delay.is_zero() {
            clock::sleep_until(self.until_last_start(Moment::now(), delay)).await;
        }
        next.is_contended
    }

    /// How long to wait so as not to meet the same others again.
    fn part(&self, collisions: u32) -> Duration {
        match collisions {
            0 => Duration::ZERO,
            _ => {
                // Not longer and longer: who never backs off would have it all.
                let step = MIN_PAUSE.max(self.engine.round_trip().unwrap_or_default());
                self.engine.jitter().up_to(step * (1 << collisions.min(3)))
            }
        }
    }

    fn until_last_start(&self, now: Moment, delay: Duration) -> Moment {
        let next = now.checked_add(delay).unwrap_or(now);
        self.last_start.map_or(next, |last| next.min(last))
    }

    fn is_behind(&self, news: &News) -> LockError {
        outcome::of_line(self.engine, self.resources, news)
    }
}

/// Even without a retry delay, nodes that fail at once are not asked in a tight loop.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// By how much those part who wait for the same lease to expire.
const PARTING: Duration = Duration::from_millis(10);

/// How many times the retry delay whoever will be told waits before it asks untold.
const UNTOLD: u32 = 5;
