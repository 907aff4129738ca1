//! Rounds, one after the other, until a lock is won or the wait is over.

mod outcome;
mod pacing;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::acquire::pacing::PollPacing;
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
use crate::waiting::queue::{HeadStatus, Ticket};
use crate::waiting::wakeup::Wakeup;

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
    let ticket = contender.wait_in_queue(now).await?;
    contender.contend(ticket).await
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
    async fn wait_in_queue(&self, now: Moment) -> Result<Ticket, LockError> {
        let (local_queue, config) = (self.engine.local_queue(), self.engine.config());
        // Longer than whoever is first is ever silent, between two rounds and during one.
        let pause = config.retry_delay.saturating_mul(POLL_FACTOR);
        let silence_limit = (config.silence_limit() * 2).saturating_add(pause);
        if let Wait::No = self.options.wait {
            return local_queue
                .join_if_empty(&self.keys, now, silence_limit)
                .map_err(|status| self.is_behind(&status));
        }
        let (ticket, is_first) = local_queue.join(&self.keys, now, silence_limit);
        if is_first {
            return Ok(ticket);
        }
        tokio::select! {
            biased;
            () = ticket.first() => Ok(ticket),
            () = self.queue_timeout(now) => Err(self.is_behind(&ticket.status())),
            () = self.engine.shutdown_signal().closed() => Err(LockError::Closed),
        }
    }

    /// Ends when the request has been in line for as long as it may try.
    async fn queue_timeout(&self, now: Moment) {
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
    async fn contend(&self, ticket: Ticket) -> Result<LockGuard, LockError> {
        let quorum = self.engine.grants();
        let wakeup = match self.options.wait {
            Wait::No => None,
            Wait::For(_) => Some(Wakeup::new(quorum)),
        };
        let mut is_contended = match &wakeup {
            // Others may be after it, and this process may just have had it.
            Some(_) => self.yield_to_others(Duration::ZERO).await,
            None => false,
        };
        let rounds = match self.options.wait {
            Wait::No => 1,
            Wait::For(_) => self.engine.config().retry_count.unwrap_or(u32::MAX),
        };
        let (mut eternal_rounds, mut collisions, mut was_notified) = (0, 0, true);
        let mut pacing = PollPacing::default();
        for number in 1_u32.. {
            // It may have hung back since it looked.
            if self.engine.shutdown_signal().is_closed() {
                break;
            }
            let round = self.ask(is_contended, wakeup.as_ref());
            let refused = match round.outcome().await {
                Ok(lease) => {
                    self.engine.fairness().observe_win(&self.keys);
                    let guard = LockGuard::new(Arc::clone(&lease));
                    lease.keep_ticket(ticket);
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
            let error =
                outcome::busy_or_no_quorum(self.engine, self.resources, self.options, &refused);
            let is_last = number >= rounds || self.last_start.is_some_and(|last| now >= last);
            let Some(wakeup) = wakeup.as_ref().filter(|_| !is_last) else {
                return Err(error);
            };
            ticket.publish(&HeadStatus::Refused(now, error), Some(now));
            if refused.is_busy() {
                self.engine
                    .fairness()
                    .observe_busy(&self.keys, Instant::now(), was_notified);
                wakeup.record_round(&refused);
            }
            collisions = if refused.is_split() {
                collisions + 1
            } else {
                0
            };
            is_contended = true;
            if pacing.observe(refused.free_in(), now) && !was_notified {
                self.engine.observe_notifications(false);
            }
            let next_poll = self.next_poll(refused.free_in(), &pacing, now);
            was_notified = tokio::select! {
                biased;
                () = wakeup.notified() => true,
                () = clock::sleep_until(next_poll) => false,
                () = self.engine.shutdown_signal().closed() => return Err(LockError::Closed),
            };
            if wakeup.was_notified() {
                self.engine.observe_notifications(true);
            }
            if was_notified {
                self.yield_to_others(self.collision_backoff(collisions))
                    .await;
            }
        }
        Err(LockError::Closed)
    }

    fn ask(&self, is_contended: bool, wakeup: Option<&Arc<Wakeup>>) -> Round {
        if let Some(wakeup) = wakeup {
            wakeup.clear();
        }
        Round::start(
            self.engine,
            self.resources,
            self.options,
            is_contended,
            wakeup,
        )
    }

    /// When to ask again if nothing is heard: after a random delay, or when the holder's lease
    /// ends, but not after the wait is over.
    fn next_poll(&self, free_in: Option<Duration>, pacing: &PollPacing, now: Moment) -> Moment {
        let (config, jitter) = (self.engine.config(), self.engine.jitter());
        let delay = if config.retry_count.is_some() {
            jitter.up_to(config.retry_delay)
        } else if self.engine.supports_wakeups() {
            jitter.upper_half(config.retry_delay * POLL_FACTOR)
        } else {
            jitter.up_to(pacing.max_pause(config.retry_delay))
        };
        let expires = free_in.map(|left| {
            left.saturating_add(MIN_PAUSE)
                .saturating_add(jitter.up_to(EXPIRY_JITTER))
        });
        let delay = expires.map_or(delay, |expires| expires.min(delay));
        self.until_last_start(now, delay.max(MIN_PAUSE))
    }

    /// Lets those go first who have waited longer, as far as one can tell. Says whether there are
    /// others at all.
    async fn yield_to_others(&self, more: Duration) -> bool {
        let (fairness, jitter) = (self.engine.fairness(), self.engine.jitter());
        let next = fairness.next(&self.keys, Instant::now(), jitter);
        let delay = next.delay.saturating_add(more);
        if !delay.is_zero() {
            clock::sleep_until(self.until_last_start(Moment::now(), delay)).await;
        }
        next.is_contended
    }

    /// How long to wait so as not to meet the same others again.
    fn collision_backoff(&self, collisions: u32) -> Duration {
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

    fn is_behind(&self, status: &HeadStatus) -> LockError {
        outcome::behind_local_holder(self.engine, self.resources, status)
    }
}

/// Even without a retry delay, nodes that fail at once are not asked in a tight loop.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// By how much those part who wait for the same lease to expire.
const EXPIRY_JITTER: Duration = Duration::from_millis(10);

/// How many times the retry delay whoever will be told waits before it asks untold.
const POLL_FACTOR: u32 = 5;
