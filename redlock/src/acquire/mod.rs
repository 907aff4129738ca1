//! Acquisition of a lock: rounds, one after the other, until one is won or the wait is over.
//!
//! ```text
//! request A   wait in the local queue ─┬─ round 1: busy ── wait ── round 2: won ── guard
//! request B                            └─ behind A: sends nothing until A's guard is released
//! ```
//!
//! A request waits in the local queue first. At its head it contacts the nodes, decides what the
//! refusal means, and waits for a notification or the next poll.

mod acquisition;
mod outcome;
mod pacing;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::acquire::acquisition::Acquisition;
use crate::acquire::pacing::{POLL_FACTOR, PollPacing};
use crate::config::{LockOptions, Wait};
use crate::engine::Engine;
use crate::error::{LockError, LockLost, LossReason};
use crate::guard::LockGuard;
use crate::lease::{ActiveLease, Refused, Round};
use crate::lease_id::LeaseId;
use crate::node::Keys;
use crate::quorum::Tally;
use crate::resource::Resources;
use crate::time::clock;
use crate::time::clock::Moment;
use crate::waiting::queue::{HeadStatus, Ticket};
use crate::waiting::wakeup::Wakeup;

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
    let won = match contender.wait_in_queue(acquisition.began()).await {
        Ok(ticket) => contender.contend(ticket).await,
        Err(error) => Err(error),
    };
    acquisition.end(won.and_then(|guard| unless_closed(engine, guard)))
}

/// Adopts a lease that was acquired elsewhere, in one round.
///
/// Cancel safe: the lease stays as it was, although it may have been extended once.
pub(crate) async fn adopt(
    engine: &Arc<Engine>,
    resources: &Resources,
    id: LeaseId,
    options: &LockOptions,
) -> Result<LockGuard, LockError> {
    let acquisition = Acquisition::begin(resources, Moment::now());
    let round = Round::adopt(engine, resources, id, options);
    acquisition.end(match round.outcome().await {
        Ok(lease) => Ok(LockGuard::new(lease)),
        Err(Refused(tally)) if tally.is_gone() => {
            let failures = tally.losses(engine.names());
            Err(LockLost::new(resources.clone(), LossReason::Gone, failures).into())
        }
        Err(Refused(tally)) => Err(outcome::no_quorum(engine, options, &tally)),
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

/// A request that contends for its resources.
struct Contender<'a> {
    engine: &'a Arc<Engine>,
    resources: &'a Resources,
    options: &'a LockOptions,
    keys: Keys,
    /// The latest start of the last round; `None` for a wait without end.
    last_start: Option<Moment>,
    /// The largest number of rounds.
    max_rounds: u32,
}

/// The rounds of a contender so far, and what it has learnt from them.
struct RoundHistory {
    /// Notified when a quorum of nodes may be free; `None` for a request that does not wait.
    wakeup: Option<Arc<Wakeup>>,
    pacing: PollPacing,
    rounds: u32,
    /// Rounds that met a lock without expiry.
    rounds_without_expiry: u32,
    /// Whether other processes are known to contend.
    is_contended: bool,
    /// Whether a notification, not a poll, led to this round. True for the first.
    was_notified: bool,
}

/// The consequence of a refused round.
enum Decision {
    GiveUp(LockError),
    /// Wait for a notification, and poll at this moment without one.
    WaitUntil(Moment),
}

impl<'a> Contender<'a> {
    fn new(
        engine: &'a Arc<Engine>,
        resources: &'a Resources,
        options: &'a LockOptions,
        now: Moment,
    ) -> Self {
        Self {
            engine,
            resources,
            options,
            keys: resources.keys(&engine.config().key_prefix).into(),
            last_start: options.wait.until(now),
            max_rounds: match options.wait {
                Wait::No => 1,
                Wait::For(_) => engine.config().retry_count.unwrap_or(u32::MAX),
            },
        }
    }

    /// Waits for the head of the local queue, for as long as the request may wait.
    async fn wait_in_queue(&self, now: Moment) -> Result<Ticket, LockError> {
        let (queue, config) = (self.engine.local_queue(), self.engine.config());
        // Longer than any live head is silent: between two rounds, and during one.
        let pause = config.retry_delay.saturating_mul(POLL_FACTOR);
        let stall_limit = (config.silence_limit() * 2).saturating_add(pause);
        if let Wait::No = self.options.wait {
            return queue
                .join_if_empty(&self.keys, now, stall_limit)
                .map_err(|status| self.behind(&status));
        }
        let (ticket, is_first) = queue.join(&self.keys, now, stall_limit);
        if is_first {
            return Ok(ticket);
        }
        tokio::select! {
            biased;
            () = ticket.first() => Ok(ticket),
            () = self.queue_timeout(now) => Err(self.behind(&ticket.status())),
            () = self.engine.shutdown_signal().closed() => Err(LockError::Closed),
        }
    }

    /// Completes when the request has been queued for as long as it may try.
    async fn queue_timeout(&self, now: Moment) {
        let (config, jitter) = (self.engine.config(), self.engine.jitter());
        let end = match config.retry_count {
            // The time that as many rounds take, with the pauses between them.
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

    /// Sends rounds to the nodes, decides and waits in between.
    async fn contend(&self, ticket: Ticket) -> Result<LockGuard, LockError> {
        let mut history = RoundHistory::new(self);
        if history.wakeup.is_some() {
            // Other processes may be waiting, and this one may just have had the lock.
            history.is_contended = self.yield_to_others(Duration::ZERO).await;
        }
        loop {
            // Shutdown may have come while the request yielded.
            if self.engine.shutdown_signal().is_closed() {
                return Err(LockError::Closed);
            }
            let refused = match self.send_round(&mut history).await {
                Ok(lease) => return Ok(self.win(lease, ticket)),
                Err(Refused(tally)) => tally,
            };
            match self.decide(&mut history, &refused, &ticket) {
                Decision::GiveUp(error) => return Err(error),
                Decision::WaitUntil(next_poll) => self.wait(&mut history, next_poll).await?,
            }
        }
    }

    /// Sends one round to all nodes.
    async fn send_round(&self, history: &mut RoundHistory) -> Result<Arc<ActiveLease>, Refused> {
        history.rounds = history.rounds.saturating_add(1);
        let engine = self.engine;
        let patience = engine.node_timeout(self.options.first_ttl());
        let needed = engine.acquire_quorum().needed();
        engine.deployment().usable(needed, patience).await;
        if let Some(wakeup) = &history.wakeup {
            wakeup.clear();
        }
        let (is_contended, wakeup) = (history.is_contended, history.wakeup.as_ref());
        let (resources, options) = (self.resources, self.options);
        let round = Round::start(engine, resources, options, is_contended, wakeup);
        round.outcome().await
    }

    fn win(&self, lease: Arc<ActiveLease>, ticket: Ticket) -> LockGuard {
        self.engine.fairness().observe_win(&self.keys);
        let guard = LockGuard::new(Arc::clone(&lease));
        lease.keep_ticket(ticket);
        guard
    }

    /// Decides what follows from a refused round.
    fn decide(&self, history: &mut RoundHistory, refused: &Tally, ticket: &Ticket) -> Decision {
        if let Some(node) = self.not_a_lock(history, refused) {
            let error = outcome::not_a_lock(self.engine, self.resources, node);
            return Decision::GiveUp(error);
        }
        let now = Moment::now();
        let error = outcome::busy_or_no_quorum(self.engine, self.resources, self.options, refused);
        let is_last =
            history.rounds >= self.max_rounds || self.last_start.is_some_and(|last| now >= last);
        let Some(wakeup) = history.wakeup.as_ref().filter(|_| !is_last) else {
            return Decision::GiveUp(error);
        };
        ticket.publish(&HeadStatus::Refused(now, error.clone()), Some(now));
        if refused.is_busy() {
            let fairness = self.engine.fairness();
            fairness.observe_busy(&self.keys, Instant::now(), history.was_notified);
            wakeup.record_round(refused);
        }
        history.is_contended = true;
        let changed_hands = history.pacing.observe(refused, now);
        if changed_hands && !history.was_notified {
            self.engine.observe_notifications(false);
        }
        let delay = match &error {
            // No poll can succeed before. A limited number of rounds is used up at its usual pace.
            LockError::Quarantined { remaining }
                if refused.is_quarantine_decisive()
                    && self.engine.config().retry_count.is_none() =>
            {
                history.pacing.after(self.engine, *remaining)
            }
            _ => history.pacing.next_poll(self.engine, refused.free_in()),
        };
        Decision::WaitUntil(self.until_last_start(now, delay))
    }

    /// Returns a node where something other than a lock stands in the way.
    ///
    /// A lock without expiry counts once it was seen twice: another library may have been between
    /// setting the key and setting its expiry.
    fn not_a_lock(&self, history: &mut RoundHistory, refused: &Tally) -> Option<usize> {
        if let Some(node) = refused.not_a_lock() {
            return Some(node);
        }
        let node = refused.busy_without_expiry()?;
        history.rounds_without_expiry += 1;
        (history.rounds_without_expiry >= 2).then_some(node)
    }

    /// Waits for a notification from a quorum, and until `next_poll` without one.
    async fn wait(&self, history: &mut RoundHistory, next_poll: Moment) -> Result<(), LockError> {
        let Some(wakeup) = &history.wakeup else {
            return Ok(());
        };
        history.was_notified = tokio::select! {
            biased;
            () = wakeup.notified() => true,
            () = clock::sleep_until(next_poll) => false,
            () = self.engine.shutdown_signal().closed() => return Err(LockError::Closed),
        };
        if wakeup.was_notified() {
            self.engine.observe_notifications(true);
        }
        if history.was_notified {
            let back_off = history.pacing.back_off(self.engine);
            self.yield_to_others(back_off).await;
        }
        Ok(())
    }

    /// Lets contenders go first that have probably waited longer. Returns whether there are other
    /// contenders.
    async fn yield_to_others(&self, more: Duration) -> bool {
        let (fairness, jitter) = (self.engine.fairness(), self.engine.jitter());
        let advice = fairness.next(&self.keys, Instant::now(), jitter);
        let delay = advice.delay.saturating_add(more);
        if !delay.is_zero() {
            clock::sleep_until(self.until_last_start(Moment::now(), delay)).await;
        }
        advice.is_contended
    }

    fn until_last_start(&self, now: Moment, delay: Duration) -> Moment {
        let next = now.checked_add(delay).unwrap_or(now);
        self.last_start.map_or(next, |last| next.min(last))
    }

    fn behind(&self, status: &HeadStatus) -> LockError {
        outcome::behind_local_holder(self.engine, self.resources, status)
    }
}

impl RoundHistory {
    fn new(contender: &Contender<'_>) -> Self {
        let wakeup = match contender.options.wait {
            Wait::No => None,
            Wait::For(_) => Some(Wakeup::new(contender.engine.acquire_quorum())),
        };
        Self {
            wakeup,
            pacing: PollPacing::default(),
            rounds: 0,
            rounds_without_expiry: 0,
            is_contended: false,
            was_notified: true,
        }
    }
}
