//! Pauses of a process that holds a lock again and again where no hints arrive.
//!
//! Without hints, other processes poll. A process that acquires immediately after releasing leaves no
//! gap for a poll, and never observes contention either. It therefore pauses now and then. Where
//! hints arrive, the release itself gives the next waiter its turn.

use std::sync::MutexGuard;
use std::time::Duration;

use tokio::time::Instant;

use crate::node::Keys;
use crate::sync::Mutex;
use crate::time::jitter::Jitter;

/// The locks that a manager has held most recently, each in the slot of its hash. Two locks in one
/// slot cost each other a pause. Its clock stops while the machine is suspended; afterwards the
/// observations are worthless anyway.
#[derive(Debug)]
pub(crate) struct Streaks {
    slots: Mutex<Box<[Streak]>>,
}

/// A lock that this process acquires again and again.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    lock: u64,
    /// The last pause, or the first release.
    since: Option<Instant>,
    released_at: Option<Instant>,
    /// Pauses in a row in which no other process took the lock.
    unobserved: u32,
}

impl Default for Streaks {
    fn default() -> Self {
        Self {
            slots: Mutex::new(vec![Streak::default(); SLOTS].into()),
        }
    }
}

impl Streaks {
    /// Records that this process has released the lock.
    pub(crate) fn observe_release(&self, keys: &Keys, now: Instant) {
        let lock = keys.first_hash();
        let mut slots = self.lock();
        let streak = slot(&mut slots, lock);
        if streak.lock != lock {
            *streak = Streak {
                lock,
                ..Streak::default()
            };
        }
        streak.since.get_or_insert(now);
        streak.released_at = Some(now);
    }

    /// Records that another process holds the lock.
    pub(crate) fn observe_busy(&self, keys: &Keys) {
        let lock = keys.first_hash();
        let mut slots = self.lock();
        let streak = slot(&mut slots, lock);
        if streak.lock == lock {
            *streak = Streak::default();
        }
    }

    /// Returns the pause before a new request for the lock.
    pub(crate) fn pause(&self, keys: &Keys, now: Instant, jitter: &Jitter) -> Duration {
        let lock = keys.first_hash();
        if slot(&mut self.lock(), lock).is_long(lock, now) {
            return PAUSE + jitter.up_to(PAUSE);
        }
        Duration::ZERO
    }

    fn lock(&self) -> MutexGuard<'_, Box<[Streak]>> {
        self.slots.lock()
    }
}

impl Streak {
    /// Whether it is time to pause for other processes. If it is, restarts the streak.
    fn is_long(&mut self, lock: u64, now: Instant) -> bool {
        let (Some(since), Some(released_at)) = (self.since, self.released_at) else {
            return false;
        };
        if self.lock != lock {
            return false;
        }
        if now.saturating_duration_since(released_at) > PAUSE {
            // Other processes had time to acquire it.
            *self = Self::default();
            return false;
        }
        let is_long =
            now.saturating_duration_since(since) >= STREAK * (1 << self.unobserved.min(4));
        if is_long {
            self.since = Some(now);
            self.unobserved += 1;
        }
        is_long
    }
}

fn slot(slots: &mut [Streak], lock: u64) -> &mut Streak {
    let count = slots.len() as u64;
    &mut slots[(lock % count) as usize]
}

/// Half of the longest pause, in which others may poll.
const PAUSE: Duration = Duration::from_millis(2);

/// The length of a streak before other processes get a chance. It doubles up to four times while
/// there are none.
const STREAK: Duration = Duration::from_millis(12);

/// The number of slots for locks held recently.
const SLOTS: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn keys() -> Keys {
        Arc::<[u8]>::from(&b"a"[..]).into()
    }

    /// Returns the milliseconds at which a process pauses that holds the lock all the time.
    fn pauses(streaks: &Streaks, millis: std::ops::Range<u64>, start: Instant) -> Vec<u64> {
        let (keys, jitter) = (keys(), Jitter::new(None));
        let is_pause = |millis: &u64| {
            let now = start + Duration::from_millis(*millis);
            streaks.observe_release(&keys, now);
            !streaks.pause(&keys, now, &jitter).is_zero()
        };
        millis.filter(is_pause).collect()
    }

    #[test]
    fn a_process_without_contenders_pauses_ever_more_rarely() {
        let (streaks, start) = (Streaks::default(), Instant::now());
        let pauses = pauses(&streaks, 0..2000, start);
        assert_eq!(pauses[..5], [12, 36, 84, 180, 372]);
        assert_eq!(pauses.len(), 13, "{pauses:?}");
    }

    #[test]
    fn a_contender_makes_pauses_frequent_again() {
        let (streaks, start) = (Streaks::default(), Instant::now());
        assert_eq!(pauses(&streaks, 0..100, start), [12, 36, 84]);
        streaks.observe_busy(&keys());
        assert_eq!(pauses(&streaks, 100..130, start), [112]);
    }

    #[test]
    fn a_process_that_leaves_gaps_never_pauses() {
        let (streaks, keys, jitter) = (Streaks::default(), keys(), Jitter::new(None));
        let start = Instant::now();
        for round in 0..200 {
            let released_at = start + Duration::from_millis(10 * round);
            streaks.observe_release(&keys, released_at);
            let later = released_at + Duration::from_millis(5);
            assert_eq!(streaks.pause(&keys, later, &jitter), Duration::ZERO);
        }
    }
}
