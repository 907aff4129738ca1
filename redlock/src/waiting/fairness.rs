//! Fairness between processes, by observation.
//!
//! A waiting process sees the lock change hands once for every process that is served before it. If
//! all are served in turn, it has seen as many handoffs as there are other processes when its own
//! turn comes. A process that has seen the usual number therefore tries at once. One that has seen
//! fewer yields a little for each that is missing: it then finds the lock taken by a process that
//! has waited longer, or free.
//!
//! A process that re-acquires immediately after releasing never observes contention, because no
//! other process gets a chance. It therefore pauses occasionally to let other processes in.
//!
//! This is a heuristic. Nothing is promised by it, and exclusion does not depend on it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::node::Keys;
use crate::sync::Mutex;
use crate::time::jitter::Jitter;

/// What a manager has observed of other processes that contend for its locks. Its clock stops while
/// the machine is suspended; afterwards the observations are worthless anyway.
#[derive(Debug)]
pub(crate) struct Fairness {
    observations: Mutex<Observations>,
    /// Whether another process was ever observed. Without one, most of the work is skipped.
    has_contenders: AtomicBool,
    hasher: RandomState,
}

/// The observations, by the hash of a lock's first key. Two locks with the same hash share theirs,
/// which costs them a short pause.
#[derive(Debug)]
struct Observations {
    contended: HashMap<u64, Contention>,
    /// The locks held most recently, each in the slot of its hash.
    streaks: Box<[Streak]>,
}

/// A lock that other processes contend for.
#[derive(Clone, Copy, Debug)]
struct Contention {
    /// The last time that another process held the lock.
    last_busy: Instant,
    /// Handoffs between others since this process last held the lock.
    handoffs: u32,
    /// The usual number of handoffs before a win, in 256ths.
    usual_handoffs: u32,
}

/// A lock that this process acquires again and again.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    lock: u64,
    /// The last pause, or the first acquisition.
    since: Option<Instant>,
    released_at: Option<Instant>,
    /// Pauses in which no other process was observed.
    unobserved: u32,
}

/// What to do before the next round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The time to yield to other contenders.
    pub(crate) delay: Duration,
    /// Whether other processes are known to contend.
    pub(crate) is_contended: bool,
}

impl Default for Fairness {
    fn default() -> Self {
        Self {
            observations: Mutex::new(Observations {
                contended: HashMap::new(),
                streaks: vec![Streak::default(); STREAKS].into(),
            }),
            has_contenders: AtomicBool::new(false),
            hasher: RandomState::new(),
        }
    }
}

impl Fairness {
    /// Records that another process holds the lock, and whether it changed hands since the last
    /// round.
    pub(crate) fn observe_busy(&self, keys: &Keys, now: Instant, is_handoff: bool) {
        self.has_contenders.store(true, Ordering::Relaxed);
        let lock = self.hash(keys);
        let mut observations = self.lock();
        if observations.contended.len() >= MAX_CONTENDED {
            // Locks in use soon come back.
            observations.contended.clear();
        }
        let contention = observations.contended.entry(lock).or_insert(Contention {
            last_busy: now,
            handoffs: 0,
            usual_handoffs: 0,
        });
        contention.last_busy = now;
        contention.handoffs = contention.handoffs.saturating_add(u32::from(is_handoff));
        *observations.streak(lock) = Streak::default();
    }

    /// Records that this process has acquired the lock.
    pub(crate) fn observe_win(&self, keys: &Keys) {
        if self.has_contenders.load(Ordering::Relaxed)
            && let Some(contention) = self.lock().contended.get_mut(&self.hash(keys))
        {
            contention.observe_win();
        }
    }

    /// Records that this process has released the lock.
    pub(crate) fn observe_release(&self, keys: &Keys, now: Instant) {
        let lock = self.hash(keys);
        let mut observations = self.lock();
        let streak = observations.streak(lock);
        if streak.lock != lock {
            *streak = Streak {
                lock,
                ..Streak::default()
            };
        }
        streak.since.get_or_insert(now);
        streak.released_at = Some(now);
    }

    /// Returns what to do before the next round.
    pub(crate) fn next(&self, keys: &Keys, now: Instant, jitter: &Jitter) -> Advice {
        let lock = self.hash(keys);
        let mut observations = self.lock();
        let contention = observations.contention(lock, now);
        let delay = match contention {
            Some(contention) => contention.delay(jitter),
            None if observations.streak(lock).is_long(lock, now) => STEP + jitter.up_to(STEP),
            None => Duration::ZERO,
        };
        Advice {
            delay,
            is_contended: contention.is_some(),
        }
    }

    fn hash(&self, keys: &Keys) -> u64 {
        self.hasher.hash_one(&keys.as_slice()[0])
    }

    fn lock(&self) -> MutexGuard<'_, Observations> {
        self.observations.lock()
    }
}

impl Observations {
    fn contention(&self, lock: u64, now: Instant) -> Option<Contention> {
        let contention = self.contended.get(&lock).copied()?;
        (now.saturating_duration_since(contention.last_busy) < MEMORY).then_some(contention)
    }

    fn streak(&mut self, lock: u64) -> &mut Streak {
        let places = self.streaks.len() as u64;
        &mut self.streaks[(lock % places) as usize]
    }
}

impl Contention {
    fn observe_win(&mut self) {
        let handoffs = self.handoffs.min(u32::from(u16::MAX)) * 256;
        // Smoothed with gain 1/8: one lucky win changes little.
        self.usual_handoffs = match self.usual_handoffs {
            0 => handoffs,
            usual_handoffs => usual_handoffs - usual_handoffs / 8 + handoffs / 8,
        };
        self.handoffs = 0;
    }

    fn delay(self, jitter: &Jitter) -> Duration {
        // Rounded to a whole count. There are other processes, so it is at least one.
        let usual_handoffs = ((self.usual_handoffs + 128) / 256).max(1);
        let most = if self.handoffs == 0 {
            MAX_STEPS + 1
        } else {
            MAX_STEPS
        };
        match usual_handoffs
            .saturating_sub(self.handoffs)
            .min(most)
            .checked_sub(1)
        {
            None => Duration::ZERO,
            Some(steps) => STEP * steps + jitter.up_to(STEP),
        }
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
        if now.saturating_duration_since(released_at) > STEP {
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

/// The time for which other processes are remembered: long enough for their next turn, short enough
/// not to yield to processes that are gone.
const MEMORY: Duration = Duration::from_secs(1);

/// The pause for each missing handoff: the resolution of the timer.
const STEP: Duration = Duration::from_millis(1);

/// The largest number of pauses. A process that yields is not registered for notifications, so a
/// longer pause would miss the next handoff. Only the process that has just held the lock yields one
/// more.
const MAX_STEPS: u32 = 3;

/// The length of a streak before other processes get a chance. It doubles up to four times while
/// there are none.
const STREAK: Duration = Duration::from_millis(20);

/// The largest number of contended locks that are remembered.
const MAX_CONTENDED: usize = 1024;

/// The number of slots for locks held recently.
const STREAKS: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn keys() -> Keys {
        Arc::<[u8]>::from(&b"a"[..]).into()
    }

    fn after(start: Instant, millis: u32) -> Instant {
        start + MS * millis
    }

    #[test]
    fn a_process_yields_until_it_has_seen_the_usual_handoffs() {
        let (fairness, keys, jitter) = (Fairness::default(), keys(), Jitter::new(Some(7)));
        let now = Instant::now();
        assert_eq!(fairness.next(&keys, now, &jitter).delay, Duration::ZERO);
        for _ in 0..20 {
            for handoffs in 0..4 {
                let delay = fairness.next(&keys, now, &jitter).delay;
                assert!(delay <= STEP * (MAX_STEPS + 1), "{handoffs}: {delay:?}");
                fairness.observe_busy(&keys, now, true);
            }
            assert_eq!(fairness.next(&keys, now, &jitter).delay, Duration::ZERO);
            fairness.observe_win(&keys);
        }
        // None of four handoffs was seen yet, then three, then four.
        assert!(fairness.next(&keys, now, &jitter).delay >= MS * 2);
        for _ in 0..3 {
            fairness.observe_busy(&keys, now, true);
            fairness.observe_busy(&keys, now, false);
        }
        let delay = fairness.next(&keys, now, &jitter).delay;
        assert!(delay > Duration::ZERO && delay < MS, "{delay:?}");
        fairness.observe_busy(&keys, now, true);
        assert_eq!(fairness.next(&keys, now, &jitter).delay, Duration::ZERO);
    }

    #[test]
    fn processes_that_are_gone_are_forgotten() {
        let (fairness, keys, jitter) = (Fairness::default(), keys(), Jitter::new(None));
        let now = Instant::now();
        fairness.observe_busy(&keys, now, true);
        fairness.observe_busy(&keys, now, true);
        fairness.observe_win(&keys);
        assert!(fairness.next(&keys, now, &jitter).is_contended);
        let later = after(now, 1001);
        assert!(!fairness.next(&keys, later, &jitter).is_contended);
        assert_eq!(fairness.next(&keys, later, &jitter).delay, Duration::ZERO);
    }

    #[test]
    fn a_process_without_contenders_pauses_ever_more_rarely() {
        let (fairness, keys, jitter) = (Fairness::default(), keys(), Jitter::new(None));
        let now = Instant::now();
        let mut pauses = Vec::new();
        for millis in 0..2000 {
            fairness.observe_release(&keys, after(now, millis));
            if !fairness
                .next(&keys, after(now, millis), &jitter)
                .delay
                .is_zero()
            {
                pauses.push(millis);
            }
        }
        assert_eq!(pauses[..5], [20, 60, 140, 300, 620]);
        assert_eq!(pauses.len(), 9, "{pauses:?}");
    }

    #[test]
    fn a_process_that_leaves_gaps_never_pauses() {
        let (fairness, keys, jitter) = (Fairness::default(), keys(), Jitter::new(None));
        let now = Instant::now();
        for round in 0..200 {
            fairness.observe_release(&keys, after(now, round * 10));
            let delay = fairness
                .next(&keys, after(now, round * 10 + 5), &jitter)
                .delay;
            assert_eq!(delay, Duration::ZERO);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (fairness, now) = (Fairness::default(), Instant::now());
        for number in 0..5 * MAX_CONTENDED {
            let key: Arc<[u8]> = number.to_ne_bytes()[..].into();
            fairness.observe_busy(&key.clone().into(), now, true);
            fairness.observe_release(&key.into(), now);
        }
        let observations = fairness.lock();
        assert!(
            observations.contended.len() <= MAX_CONTENDED && observations.streaks.len() == STREAKS
        );
    }
}
