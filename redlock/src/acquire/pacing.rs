//! The time of the next round and look: polling interval, jitter, back-off.

use std::time::Duration;

use crate::engine::Engine;
use crate::quorum::tally::Tally;
use crate::time::clock::Moment;
use crate::time::validity;

/// The polling of one request, adapted to what its rounds have met.
///
/// Hints end most waits, so polls are the exception: they double their interval. Without hints,
/// polls are the only way, and adapt to the handoffs that they meet.
#[derive(Debug, Default)]
pub(crate) struct PollPacing {
    /// Polls so far.
    polls: u32,
    /// Rounds in a row that found another lease than the round before, or an extended one.
    handoffs: u32,
    /// Rounds in a row in which contenders split the votes.
    collisions: u32,
    /// Rounds in a row in which too few nodes were busy to prevent a quorum.
    fruitless: u32,
    /// Rounds in a row that met a key which is about to be free.
    premature: u32,
    /// Rounds in a row that a minority of hints has led to.
    early_turns: u32,
    /// The end of the holder's lease, unless it is extended.
    ends: Option<Moment>,
}

impl PollPacing {
    /// Records a refused round.
    pub(crate) fn observe(&mut self, refused: &Tally, now: Moment) {
        let count = |count: u32, is_one: bool| if is_one { count.saturating_add(1) } else { 0 };
        self.collisions = count(self.collisions, refused.is_split());
        self.fruitless = count(self.fruitless, !refused.is_busy());
        let is_soon = refused.free_in().is_some_and(|left| left <= SOON);
        self.premature = count(self.premature, refused.is_busy() && is_soon);
        self.observe_end(refused.free_in(), now);
    }

    /// Records that a poll led to the next round.
    pub(crate) fn on_poll(&mut self) {
        self.polls = self.polls.saturating_add(1);
    }

    /// Records that hints or looks led to the next round.
    pub(crate) fn on_turn(&mut self) {
        self.polls = 0;
        self.early_turns = 0;
    }

    /// Records that a minority of hints led to the next round.
    pub(crate) fn on_early_turn(&mut self) {
        self.early_turns = self.early_turns.saturating_add(1);
    }

    fn observe_end(&mut self, free_in: Option<Duration>, now: Moment) {
        let ends = free_in.and_then(|left| now.checked_add(left));
        let is_later = match (self.ends, ends) {
            (Some(before), Some(ends)) => ends.saturating_since(before) > SLACK,
            _ => false,
        };
        self.handoffs = if is_later { self.handoffs + 1 } else { 0 };
        self.ends = ends;
    }

    /// A pause of a request with a limited number of rounds. Never less than half of the delay, so
    /// that the number of rounds stands for a time; random, so that contenders do not collide again.
    pub(crate) fn retry_pause(engine: &Engine) -> Duration {
        engine.jitter().upper_half(engine.config().retry_delay)
    }

    /// The delay of the next poll, after a refused round. `pause`: what is left of the pause, if the
    /// number of rounds is limited. `rank`: the number of waiters ahead, if the contender is on a
    /// waiting list.
    pub(crate) fn next_poll(
        &self,
        engine: &Engine,
        refused: &Tally,
        pause: Option<Duration>,
        rank: Option<u32>,
    ) -> Duration {
        let (config, jitter) = (engine.config(), engine.jitter());
        let free_in = refused.free_in();
        let delay = match (pause, rank) {
            (Some(pause), _) => pause,
            (None, Some(rank)) if engine.hints() => {
                let interval = jitter.upper_half(self.interval(config.retry_delay));
                let interval = interval.max(MIN_PAUSE);
                let spread = HINTED_SPREAD.saturating_mul(rank.saturating_add(1));
                match free_in {
                    // The waiters at the front notice the end of the lease for all.
                    _ if rank >= FRONT => return interval,
                    Some(left) if left <= SOON => {
                        return (left + jitter.up_to(spread)).clamp(MIN_PAUSE, interval);
                    }
                    _ => interval,
                }
            }
            _ if self.collisions > 0 => self.spread(engine, self.collisions),
            _ => jitter.up_to(self.max_pause(config.retry_delay)),
        };
        let expires = free_in.map(|left| self.after(engine, left));
        let delay = expires.map_or(delay, |expires| expires.min(delay));
        delay.max(MIN_PAUSE)
    }

    /// The interval of polls while the nodes notify of every change of the keys; `None` where the
    /// interval does not depend on that.
    pub(crate) fn watched_interval(&self, engine: &Engine) -> Option<Duration> {
        let is_adaptive = engine.config().retry_count.is_none() && engine.hints();
        is_adaptive.then(|| engine.jitter().upper_half(MAX_WATCHED_INTERVAL))
    }

    /// The delay until shortly after the holder's lease ends.
    pub(crate) fn until_end(&self, engine: &Engine, ends: Option<Moment>) -> Duration {
        let left = ends.map(|ends| validity::remaining(ends, Moment::now()));
        left.map_or(Duration::MAX, |left| self.after(engine, left))
    }

    /// The delay of the first look after a refused round; `None` for a contender that does not look.
    ///
    /// Two waiters look, so that a release without a hint is noticed. All would be a herd.
    pub(crate) fn first_look(
        &self,
        engine: &Engine,
        refused: &Tally,
        rank: Option<u32>,
    ) -> Option<Duration> {
        if !engine.notifies() || !refused.is_busy() {
            return None;
        }
        match rank {
            Some(rank) if engine.hints() => (rank < FRONT).then_some(FIRST_LOOK),
            // A key that is kept for a hinted waiter looks free, but refuses the others.
            _ => Some(
                refused
                    .free_in()
                    .filter(|left| *left <= SOON)
                    .unwrap_or_default(),
            ),
        }
    }

    /// The delay between a notification and the look that follows. Without waiting lists, all
    /// contenders are notified of a release, and must not collide.
    pub(crate) fn look_delay(&self, engine: &Engine) -> Duration {
        if engine.hints() {
            return Duration::ZERO;
        }
        let most = LOOK_SPREAD.saturating_mul(1 << self.collisions.min(MAX_DOUBLINGS));
        engine.jitter().up_to(most)
    }

    /// The time for which a contender with a minority of hints waits for more. It doubles with each
    /// round that was lost after such hints: contenders that are each hinted by other nodes would
    /// split the votes again and again.
    pub(crate) fn patience(&self, engine: &Engine) -> Duration {
        let patience = HINT_PATIENCE + engine.jitter().up_to(HINT_PATIENCE);
        patience.saturating_mul(1 << self.early_turns.min(MAX_EARLY_DOUBLINGS))
    }

    /// The delay until shortly after something ends that all contenders wait for.
    pub(crate) fn after(&self, engine: &Engine, left: Duration) -> Duration {
        left.saturating_add(MIN_PAUSE)
            .saturating_add(engine.jitter().up_to(EXPIRY_JITTER))
    }

    /// The delay before the next round, whatever signal leads to it, after one that no other owner prevented.
    ///
    /// A lost round releases what it was granted, which hints another contender. Without a delay,
    /// contenders that all lack a quorum would hint each other in turn.
    ///
    /// The same from the second round in a row on that met a key which is kept for another waiter. To
    /// looks, such a key is free, so they would lead to rounds in a tight loop until it is free.
    pub(crate) fn back_off(&self, engine: &Engine) -> Duration {
        match self.fruitless.max(self.premature.saturating_sub(1)) {
            0 => Duration::ZERO,
            times => self.spread(engine, times),
        }
    }

    /// A random delay that keeps the same contenders from colliding again. Each time doubles its
    /// range: the more contenders there are, the more often they collide.
    fn spread(&self, engine: &Engine, times: u32) -> Duration {
        let step = MIN_PAUSE.max(engine.round_trip().unwrap_or_default());
        let most = step.saturating_mul(1 << times.min(MAX_DOUBLINGS));
        engine.jitter().up_to(most.min(MAX_INTERVAL))
    }

    /// The interval of polls that only replace lost hints.
    fn interval(&self, retry_delay: Duration) -> Duration {
        let first = retry_delay.saturating_mul(POLL_FACTOR).max(MIN_PAUSE);
        let most = MAX_INTERVAL.max(first);
        first.saturating_mul(1 << self.polls.min(8)).min(most)
    }

    /// The longest pause without hints. While the lock changes hands it shrinks with every
    /// handoff that was met, so that requests that have waited longer poll more often.
    fn max_pause(&self, most: Duration) -> Duration {
        most / (1 << self.handoffs.min(4))
    }
}

/// The number of retry delays in the first interval of polls that only replace lost hints.
pub(crate) const POLL_FACTOR: u32 = 5;

/// The shortest pause between two rounds. Without it, nodes that fail at once would be polled in a
/// tight loop where `retry_delay` is zero.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// The spread of the contenders that wait for the same lease to expire.
const EXPIRY_JITTER: Duration = Duration::from_millis(10);

/// The difference between two ends that means nothing: servers count in milliseconds, and their
/// responses can take longer.
const SLACK: Duration = Duration::from_millis(5);

/// The longest interval of polls while hints arrive. It bounds the wait if one is lost.
const MAX_INTERVAL: Duration = Duration::from_secs(5);

/// The longest interval of polls while hints arrive and every change of the keys is notified. The
/// waiting lists, which each poll at the front renews, are kept for half as long again.
const MAX_WATCHED_INTERVAL: Duration = Duration::from_secs(40);

/// The number of waiters at the front that look at the nodes.
const FRONT: u32 = 2;

/// The wait before the first look. Where the lock changes hands quickly, hints are faster.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// The spread of looks after a notification that all contenders get.
const LOOK_SPREAD: Duration = Duration::from_millis(4);

/// The longest time for which a key is kept free for a hinted waiter.
const SOON: Duration = Duration::from_millis(10);

/// The spread of refused contenders, for each waiter ahead, when a key that was kept free becomes
/// free for all.
const HINTED_SPREAD: Duration = Duration::from_millis(20);

/// Half of the longest time for which a contender with a minority of hints waits for more.
const HINT_PATIENCE: Duration = Duration::from_millis(2);

/// The number of such rounds after which that time no longer doubles.
const MAX_EARLY_DOUBLINGS: u32 = 6;

/// The number of collisions after which the range of delays no longer doubles.
const MAX_DOUBLINGS: u32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_speeds_up_while_the_lock_changes_hands() {
        let (mut pacing, start) = (PollPacing::default(), Moment::now());
        let (most, lease) = (Duration::from_millis(200), Duration::from_secs(30));
        let mut observe = |millis, left| {
            let now = start.checked_add(Duration::from_millis(millis)).unwrap();
            pacing.observe_end(Some(left), now);
            pacing.max_pause(most)
        };
        // Nothing precedes the first round; each later one meets another lease.
        assert_eq!(observe(0, lease), most);
        for (millis, part) in [(100, 2), (200, 4), (300, 8), (400, 16), (500, 16)] {
            assert_eq!(observe(millis, lease), most / part);
        }
        // The same lease twice, within the slack of a response.
        let left = lease - Duration::from_millis(98);
        assert_eq!(observe(600, left), most);
    }

    #[test]
    fn polls_that_replace_lost_hints_become_rare() {
        let mut pacing = PollPacing::default();
        let mut intervals = Vec::new();
        for _ in 0..6 {
            intervals.push(pacing.interval(Duration::from_millis(200)).as_millis());
            pacing.on_poll();
        }
        assert_eq!(intervals, [1000, 2000, 4000, 5000, 5000, 5000]);
        assert_eq!(pacing.interval(Duration::from_secs(9)).as_secs(), 45);
        assert_eq!(pacing.interval(Duration::ZERO).as_millis(), 64);
        pacing.on_turn();
        assert_eq!(
            pacing.interval(Duration::from_millis(200)).as_millis(),
            1000
        );
    }
}
