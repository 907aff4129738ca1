//! A request that contends for its resources.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::acquire::outcome;
use crate::acquire::pacing::POLL_FACTOR;
use crate::acquire::wait::{Wait, Waits};
use crate::config;
use crate::config::LockOptions;
use crate::engine::Engine;
use crate::engine::alarm::Alarm;
use crate::error::LockError;
use crate::guard::LockGuard;
use crate::lease::{ActiveLease, Contention, Refused, Round};
use crate::node::Keys;
use crate::quorum::tally::Tally;
use crate::resource::Resources;
use crate::time::clock;
use crate::time::clock::Moment;
use crate::time::validity;
use crate::waiting::head::HeadStatus;
use crate::waiting::queue::Ticket;

/// A request that contends for its resources.
pub(super) struct Contender<'a> {
    pub(super) engine: &'a Arc<Engine>,
    resources: &'a Resources,
    options: &'a LockOptions,
    keys: Keys,
    began: Moment,
    /// The latest start of the last round; `None` for a wait without end.
    last_start: Option<Moment>,
    /// The largest number of rounds that count: the first, and each that a pause of the whole length
    /// has preceded.
    max_rounds: u32,
}

/// The rounds of a contender so far.
#[derive(Default)]
struct RoundHistory {
    rounds: u32,
    /// Pauses that have run out. Hints, looks and the end of a lease lead to rounds before.
    pauses: u32,
    /// Whether the contender has waited for anything, so that its beginning is long ago.
    has_waited: bool,
}

/// The consequence of a refused round.
enum Decision {
    GiveUp(LockError),
    /// Wait for a signal, and poll without one.
    Wait(Wait),
}

impl<'a> Contender<'a> {
    pub(super) fn new(
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
            began: now,
            last_start: options.wait.until(now),
            max_rounds: match options.wait {
                config::Wait::No => 1,
                config::Wait::For(_) => engine.config().retry_count.unwrap_or(u32::MAX),
            },
        }
    }

    /// Waits for the head of the local queue, for as long as the request may wait.
    async fn wait_in_queue(&self, history: &mut RoundHistory) -> Result<Ticket, LockError> {
        let now = self.began;
        let (queue, config) = (self.engine.local_queue(), self.engine.config());
        let pause = config.retry_delay.saturating_mul(POLL_FACTOR);
        let stall_limit = validity::stall_limit(config.silence_limit(), pause);
        if let config::Wait::No = self.options.wait {
            return queue
                .join_if_empty(&self.keys, now, stall_limit)
                .map_err(|status| self.behind(&status));
        }
        let (ticket, is_first) = queue.join(&self.keys, now, stall_limit);
        if is_first {
            return Ok(ticket);
        }
        history.has_waited = true;
        // Boxed, because its timer is large. A request that is the first does without.
        Box::pin(self.wait_behind(ticket, now)).await
    }

    async fn wait_behind(&self, ticket: Ticket, now: Moment) -> Result<Ticket, LockError> {
        let _checked = self.engine.head_checks().wait();
        tokio::select! {
            biased;
            // First: when the time of many requests is over at once, each would soon be the head.
            () = self.queue_timeout(now) => Err(self.behind(&ticket.status())),
            () = ticket.first() => Ok(ticket),
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
                Some(self.until_last_start(now, jitter.upper_half(pauses)))
            }
            None => self.last_start,
        };
        match end {
            Some(end) => Alarm::new(self.engine.timers(), end).gone_off().await,
            None => std::future::pending().await,
        }
    }

    /// Waits in the local queue. Then sends rounds to the nodes, decides and waits in between.
    pub(super) async fn contend(&self) -> Result<LockGuard, LockError> {
        let mut history = RoundHistory::default();
        let ticket = self.wait_in_queue(&mut history).await?;
        let mut waits = match self.options.wait {
            config::Wait::No => None,
            config::Wait::For(_) => Some(Waits::new(self.engine, &self.keys, self.began)),
        };
        self.pause_after_streak(&mut history).await;
        loop {
            // Shutdown may have come while the request waited.
            if self.engine.shutdown_signal().is_closed() {
                return Err(LockError::Closed);
            }
            let refused = match self.send_round(&mut history, waits.as_ref()).await {
                Ok(lease) => return Ok(self.win(lease, ticket)),
                Err(Refused(tally)) => tally,
            };
            match self.decide(&mut history, waits.as_mut(), &refused, &ticket) {
                Decision::GiveUp(error) => return Err(error),
                Decision::Wait(wait) => {
                    let Some(waits) = &mut waits else {
                        continue;
                    };
                    // Boxed, as above.
                    if !Box::pin(self.pause(waits, wait, &ticket)).await {
                        return Err(LockError::Closed);
                    }
                    let is_over = waits.end_pause(Moment::now());
                    history.pauses = history.pauses.saturating_add(is_over.into());
                }
            }
        }
    }

    /// Waits for the next round. Returns whether there may be one.
    async fn pause(&self, waits: &mut Waits<'_>, wait: Wait, ticket: &Ticket) -> bool {
        let is_alive = || ticket.keep_alive(Moment::now());
        tokio::select! {
            biased;
            () = waits.wait(wait, self.last_start, is_alive) => true,
            () = self.engine.shutdown_signal().closed() => false,
        }
    }

    /// Lets others poll if this process has held the lock again and again, and no hints arrive.
    async fn pause_after_streak(&self, history: &mut RoundHistory) {
        if matches!(self.options.wait, config::Wait::No) || self.engine.hints() {
            return;
        }
        let (streaks, jitter) = (self.engine.streaks(), self.engine.jitter());
        let pause = streaks.pause(&self.keys, Instant::now(), jitter);
        if !pause.is_zero() {
            history.has_waited = true;
            let end = self.until_last_start(Moment::now(), pause);
            Box::pin(clock::sleep_until(end)).await;
        }
    }

    /// Sends one round to all nodes.
    async fn send_round(
        &self,
        history: &mut RoundHistory,
        waits: Option<&Waits<'_>>,
    ) -> Result<Arc<ActiveLease>, Refused> {
        let is_contended = history.rounds > 0;
        history.rounds = history.rounds.saturating_add(1);
        let engine = self.engine;
        let patience = engine.node_timeout(self.options.first_ttl());
        let needed = engine.acquire_quorum().needed();
        history.has_waited |= is_contended;
        history.has_waited |= engine.deployment().usable(needed, patience).await;
        let wakeup = waits.map(|waits| Arc::clone(waits.wakeup()));
        if let Some(wakeup) = &wakeup {
            wakeup.clear();
        }
        let now = match history.has_waited {
            true => Moment::now(),
            // Just before the acquires, too. An earlier moment only makes the lease shorter.
            false => self.began,
        };
        let contention = Contention {
            is_contended,
            wakeup,
            now,
        };
        let (resources, keys, options) = (self.resources, &self.keys, self.options);
        let round = Round::start(engine, resources, keys, options, patience, contention);
        round.outcome().await
    }

    fn win(&self, lease: Arc<ActiveLease>, ticket: Ticket) -> LockGuard {
        let guard = LockGuard::new(Arc::clone(&lease));
        lease.keep_ticket(ticket);
        guard
    }

    /// Decides what follows from a refused round.
    fn decide(
        &self,
        history: &mut RoundHistory,
        waits: Option<&mut Waits<'_>>,
        refused: &Tally,
        ticket: &Ticket,
    ) -> Decision {
        if let Some(node) = refused.not_a_lock() {
            let error = outcome::not_a_lock(self.engine, self.resources, node);
            return Decision::GiveUp(error);
        }
        let now = Moment::now();
        let error = outcome::busy_or_no_quorum(self.engine, self.resources, self.options, refused);
        let is_last = history.pauses.saturating_add(1) >= self.max_rounds
            || self.last_start.is_some_and(|last| now >= last);
        let Some(waits) = waits.filter(|_| !is_last) else {
            return Decision::GiveUp(error);
        };
        let status = HeadStatus::Waiting(Some(Arc::new((now, error.clone()))));
        ticket.publish(&status, Some(now));
        if refused.is_busy() && !self.engine.hints() {
            self.engine.streaks().observe_busy(&self.keys);
        }
        let quarantined_for = match error {
            LockError::Quarantined { remaining } if refused.is_quarantine_decisive() => {
                Some(remaining)
            }
            _ => None,
        };
        Decision::Wait(waits.after(refused, quarantined_for, now))
    }

    fn until_last_start(&self, now: Moment, delay: Duration) -> Moment {
        let next = now.saturating_add(delay);
        self.last_start.map_or(next, |last| next.min(last))
    }

    fn behind(&self, status: &HeadStatus) -> LockError {
        outcome::behind_local_holder(self.engine, self.resources, status)
    }
}
