//! The wait of a contender between two rounds: hints, looks, polls.

use std::sync::Arc;
use std::time::Duration;

use crate::acquire::pacing::PollPacing;
use crate::engine::Engine;
use crate::node::{Command, Keys, Leave, Look, Responder};
use crate::quorum::tally::Tally;
use crate::time::clock;
use crate::time::clock::{Moment, TICK};
use crate::waiting::signals::Signal;
use crate::waiting::wakeup::{Sights, Wakeup};

/// The waits of one contender. Dropping it leaves the waiting lists.
pub(super) struct Waits<'a> {
    engine: &'a Arc<Engine>,
    keys: &'a Keys,
    wakeup: Arc<Wakeup>,
    pacing: PollPacing,
    /// The end of the pause that is in progress, if the number of rounds is limited. Rounds that
    /// signals lead to do not change it.
    pause_ends: Option<Moment>,
}

/// One wait, after a refused round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    poll_at: Moment,
    /// The moment before which no signal leads to a round.
    quiet_until: Moment,
    /// The moment of the next poll if a look shows that the lease ends later than was known; `None` if
    /// looks change nothing.
    watched_until: Option<Moment>,
    /// The moment of the first look; `None` for a contender that counts on hints alone.
    look_at: Option<Moment>,
}

impl<'a> Waits<'a> {
    /// Creates the waits of a contender that began at `began`.
    pub(super) fn new(engine: &'a Arc<Engine>, keys: &'a Keys, began: Moment) -> Self {
        Self {
            engine,
            keys,
            wakeup: Wakeup::new(engine.acquire_quorum(), began),
            pacing: PollPacing::default(),
            pause_ends: None,
        }
    }

    pub(super) fn wakeup(&self) -> &Arc<Wakeup> {
        &self.wakeup
    }

    /// Plans the wait after a refused round. `quarantined_for`: the time for which no quorum can
    /// grant.
    pub(super) fn after(
        &mut self,
        refused: &Tally,
        quarantined_for: Option<Duration>,
        now: Moment,
    ) -> Wait {
        let rank = self.wakeup.rank();
        self.pacing.observe(refused, now);
        let pause = self.pause_left(now);
        let delay = match quarantined_for {
            // No poll can succeed before. A limited number of rounds is used up at its usual pace.
            Some(remaining) if pause.is_none() => self.pacing.after(self.engine, remaining),
            _ => self.pacing.next_poll(self.engine, refused, pause, rank),
        };
        let watched = self.pacing.watched_interval(self.engine);
        let look = self.pacing.first_look(self.engine, refused, rank);
        Wait {
            poll_at: later(now, delay),
            quiet_until: later(now, self.pacing.back_off(self.engine)),
            watched_until: watched.map(|watched| later(now, watched)),
            look_at: look.map(|look| later(now, look)),
        }
    }

    /// What is left of the pause in progress, or of a new one. `None` if the number of rounds is not
    /// limited.
    fn pause_left(&mut self, now: Moment) -> Option<Duration> {
        self.engine.config().retry_count?;
        let engine = self.engine;
        let new = || later(now, PollPacing::retry_pause(engine));
        Some(
            self.pause_ends
                .get_or_insert_with(new)
                .saturating_since(now),
        )
    }

    /// Ends the pause if it has run out. Returns whether it has.
    pub(super) fn end_pause(&mut self, now: Moment) -> bool {
        self.pause_ends.take_if(|ends| now >= *ends).is_some()
    }

    /// Waits for the next round, at most until `last_start`. Calls `is_alive` at least once in each
    /// [`TICK`].
    ///
    /// Cancel safe.
    pub(super) async fn wait(
        &mut self,
        wait: Wait,
        last_start: Option<Moment>,
        is_alive: impl Fn(),
    ) {
        let limit = |moment: Moment| last_start.map_or(moment, |last| moment.min(last));
        let (mut poll_at, mut look_at) = (limit(wait.poll_at), wait.look_at);
        let mut due = self.looked_at();
        let patience = self.pacing.patience(self.engine);
        let quiet_until = limit(wait.quiet_until).min(poll_at);
        while Moment::now() < quiet_until {
            is_alive();
            clock::sleep_until(quiet_until.min(later(Moment::now(), TICK))).await;
        }
        loop {
            is_alive();
            let tick = later(Moment::now(), TICK);
            let next = look_at.map_or(poll_at, |look| poll_at.min(look)).min(tick);
            tokio::select! {
                biased;
                signal = self.wakeup.signal(patience) => match signal {
                    Signal::Turn => return self.pacing.on_turn(),
                    Signal::EarlyTurn => return self.pacing.on_early_turn(),
                    Signal::Look(nodes) => {
                        let delay = self.pacing.look_delay(self.engine);
                        if delay.is_zero() {
                            self.look(&nodes);
                        } else {
                            // A look that is due already covers these nodes too: a notification
                            // comes once.
                            if look_at.is_none() {
                                look_at = Some(later(Moment::now(), delay));
                                due.clear();
                            }
                            due.extend(nodes);
                            due.sort_unstable();
                            due.dedup();
                        }
                    }
                    Signal::Held => {
                        let delay = self.pacing.until_end(self.engine, self.wakeup.ends());
                        if let Some(watched_until) = wait.watched_until {
                            let end = Moment::now().checked_add(delay);
                            poll_at = limit(end.map_or(watched_until, |end| end.min(watched_until)));
                        }
                    }
                },
                () = clock::sleep_until(next) => {
                    let now = Moment::now();
                    if now >= poll_at {
                        return self.pacing.on_poll();
                    }
                    if look_at.is_some_and(|look| now >= look) {
                        look_at = None;
                        self.look(&due);
                    }
                }
            }
        }
    }

    /// The nodes to look at first: a quorum, another one for each contender.
    ///
    /// A node where nothing was in the way may be free while the lock is held.
    fn looked_at(&self) -> Vec<usize> {
        let mut nodes = self.wakeup.busy_nodes();
        let needed = self.engine.acquire_quorum().needed();
        let surplus = nodes.len().saturating_sub(needed);
        if surplus > 0 {
            let first = self.engine.jitter().below(nodes.len());
            nodes.rotate_left(first);
            nodes.truncate(needed);
        }
        nodes
    }

    /// Looks at these nodes, and asks for a notification of the next change.
    fn look(&self, nodes: &[usize]) {
        let sights = self.wakeup.sights(nodes);
        for node in nodes {
            let responder = Responder::new(Arc::<Sights>::clone(&sights), *node);
            let look = Look::new(self.keys.clone(), responder).watch(self.wakeup.watch(*node));
            self.engine.submit(*node, Command::Look(look.into()));
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        for node in self.wakeup.finish() {
            let leave = Leave::new(self.keys.clone(), self.wakeup.watch(node));
            self.engine.submit(node, Command::Leave(leave.into()));
        }
    }
}

fn later(now: Moment, delay: Duration) -> Moment {
    now.saturating_add(delay)
}
