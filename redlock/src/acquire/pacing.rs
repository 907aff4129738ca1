//! The time of the next round: polling interval, jitter, collision back-off.

use std::time::Duration;

use crate::engine::Engine;
use crate::quorum::Tally;
use crate::time::clock::Moment;

/// The polling of one request, adapted to the handoffs and collisions that its rounds have met.
#[derive(Debug, Default)]
pub(crate) struct PollPacing {
    /// Rounds in a row that found another lease than the round before, or an extended one.
    handoffs: u32,
    /// Rounds in a row in which contenders split the votes.
    collisions: u32,
    /// The end of the holder's lease, unless it is extended.
    ends: Option<Moment>,
}

impl PollPacing {
    /// Records a refused round. Returns whether the lock has changed hands, or was extended, since
    /// the round before.
    pub(crate) fn observe(&mut self, refused: &Tally, now: Moment) -> bool {
        self.collisions = if refused.is_split() {
            self.collisions.saturating_add(1)
        } else {
            0
        };
        self.observe_end(refused.free_in(), now)
    }

    fn observe_end(&mut self, free_in: Option<Duration>, now: Moment) -> bool {
        let ends = free_in.and_then(|left| now.checked_add(left));
        let is_later = match (self.ends, ends) {
            (Some(before), Some(ends)) => ends.saturating_since(before) > SLACK,
            _ => false,
        };
        self.handoffs = if is_later { self.handoffs + 1 } else { 0 };
        self.ends = ends;
        is_later
    }

    /// The delay of the next poll without a notification: random, and at most until the holder's
    /// lease ends.
    pub(crate) fn next_poll(&self, engine: &Engine, free_in: Option<Duration>) -> Duration {
        let (config, jitter) = (engine.config(), engine.jitter());
        let delay = if config.retry_count.is_some() {
            jitter.up_to(config.retry_delay)
        } else if engine.notifies() {
            jitter.upper_half(config.retry_delay.saturating_mul(POLL_FACTOR))
        } else {
            jitter.up_to(self.max_pause(config.retry_delay))
        };
        let expires = free_in.map(|left| self.after(engine, left));
        let delay = expires.map_or(delay, |expires| expires.min(delay));
        delay.max(MIN_PAUSE)
    }

    /// The delay until shortly after something ends that all contenders wait for.
    pub(crate) fn after(&self, engine: &Engine, left: Duration) -> Duration {
        left.saturating_add(MIN_PAUSE)
            .saturating_add(engine.jitter().up_to(EXPIRY_JITTER))
    }

    /// A random delay that keeps the same contenders from colliding again.
    pub(crate) fn back_off(&self, engine: &Engine) -> Duration {
        match self.collisions {
            0 => Duration::ZERO,
            collisions => {
                // Bounded: with a longer delay, this contender would lose every round to those that
                // do not back off.
                let step = MIN_PAUSE.max(engine.round_trip().unwrap_or_default());
                engine.jitter().up_to(step * (1 << collisions.min(3)))
            }
        }
    }

    /// The longest pause without notifications. While the lock changes hands it shrinks with every
    /// handoff that was met, so that requests that have waited longer poll more often.
    fn max_pause(&self, most: Duration) -> Duration {
        most / (1 << self.handoffs.min(4))
    }
}

/// The factor by which polling is rarer while nodes push notifications.
pub(crate) const POLL_FACTOR: u32 = 5;

/// The shortest pause between two rounds. Without it, nodes that fail at once would be polled in a
/// tight loop where `retry_delay` is zero.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// The spread of the contenders that wait for the same lease to expire.
const EXPIRY_JITTER: Duration = Duration::from_millis(10);

/// The difference between two ends that means nothing: servers count in milliseconds, and their
/// responses can take longer.
const SLACK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_speeds_up_while_the_lock_changes_hands() {
        let (mut pacing, start) = (PollPacing::default(), Moment::now());
        let (most, lease) = (Duration::from_millis(200), Duration::from_secs(30));
        let mut observe = |millis, left| {
            let now = start.checked_add(Duration::from_millis(millis)).unwrap();
            (pacing.observe_end(Some(left), now), pacing.max_pause(most))
        };
        // Nothing precedes the first round; each later one meets another lease.
        assert_eq!(observe(0, lease), (false, most));
        for (millis, part) in [(100, 2), (200, 4), (300, 8), (400, 16), (500, 16)] {
            assert_eq!(observe(millis, lease), (true, most / part));
        }
        // The same lease twice, within the slack of a response.
        let left = lease - Duration::from_millis(98);
        assert_eq!(observe(600, left), (false, most));
    }
}
