//! Whose turn it is among processes, as far as each of them can tell by watching.
//!
//! Whoever waits sees a lock change hands once for every process that is served before it. Where
//! everybody is served in turn, one has watched as many hand-overs as there are others by the time
//! it is one's own turn. So a process that has watched as many as usual asks at once, and one that
//! has watched fewer hangs back a little for each that is missing: it finds the lock taken by
//! whoever has waited longer, or, if there is nobody, free.
//!
//! Who takes a lock over and over again, each time right behind its own release, sees nobody, because
//! nobody else gets in. So it hangs back once in a while, to see whether there is somebody.
//!
//! Nothing is promised by this, and nothing rests on it.

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

/// What a manager has seen of others who want its locks. By the clock that a suspend stops: after
/// one it does not matter.
#[derive(Debug)]
pub(crate) struct Fairness {
    seen: Mutex<Seen>,
    /// Whether anybody else was ever met: without others, most of this is left out.
    is_any: AtomicBool,
    hasher: RandomState,
}

/// By the hash of a lock's first key. Two locks that share one are hung back for together, which
/// costs them a moment.
#[derive(Debug)]
struct Seen {
    fairness: HashMap<u64, Contention>,
    /// The locks that were had last, each in the place that its hash names.
    streaks: Box<[Streak]>,
}

/// A lock that other processes are after.
#[derive(Clone, Copy, Debug)]
struct Contention {
    /// When another process was last met.
    observe_busy: Instant,
    /// Hand-overs among others since this process last had the lock.
    handoffs: u32,
    /// How many it takes as a rule, in 256ths.
    usual_handoffs: u32,
}

/// A lock that this process takes again and again.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    lock: u64,
    /// When it last hung back, or first took it.
    since: Option<Instant>,
    observe_release: Option<Instant>,
    /// How often it has hung back without meeting anybody.
    alone: u32,
}

/// What to do before a lock is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// How long to let others go first.
    pub(crate) delay: Duration,
    /// Whether other processes are known to be after it.
    pub(crate) is_contended: bool,
}

impl Default for Fairness {
    fn default() -> Self {
        Self {
            seen: Mutex::new(Seen {
                fairness: HashMap::new(),
                streaks: vec![Streak::default(); STREAKS].into(),
            }),
            is_any: AtomicBool::new(false),
            hasher: RandomState::new(),
        }
    }
}

impl Fairness {
    /// Another process has the lock. If it changed hands since this one looked last, that counts.
    pub(crate) fn observe_busy(&self, keys: &Keys, now: Instant, is_handoff: bool) {
        self.is_any.store(true, Ordering::Relaxed);
        let lock = self.hash(keys);
        let mut seen = self.lock();
        if seen.fairness.len() >= MOST {
            // Those in use are soon back.
            seen.fairness.clear();
        }
        let contention = seen.fairness.entry(lock).or_insert(Contention {
            observe_busy: now,
            handoffs: 0,
            usual_handoffs: 0,
        });
        contention.observe_busy = now;
        contention.handoffs = contention.handoffs.saturating_add(u32::from(is_handoff));
        *seen.streak(lock) = Streak::default();
    }

    /// The lock is ours.
    pub(crate) fn observe_win(&self, keys: &Keys) {
        if self.is_any.load(Ordering::Relaxed)
            && let Some(contention) = self.lock().fairness.get_mut(&self.hash(keys))
        {
            contention.observe_win();
        }
    }

    /// The lock was ours.
    pub(crate) fn observe_release(&self, keys: &Keys, now: Instant) {
        let lock = self.hash(keys);
        let mut seen = self.lock();
        let streak = seen.streak(lock);
        if streak.lock != lock {
            *streak = Streak {
                lock,
                ..Streak::default()
            };
        }
        streak.since.get_or_insert(now);
        streak.observe_release = Some(now);
    }

    /// What to do before the lock is asked for.
    pub(crate) fn next(&self, keys: &Keys, now: Instant, jitter: &Jitter) -> Advice {
        let lock = self.hash(keys);
        let mut seen = self.lock();
        let contention = seen.contention(lock, now);
        let delay = match contention {
            Some(contention) => contention.delay(jitter),
            None if seen.streak(lock).is_long(lock, now) => STEP + jitter.up_to(STEP),
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

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }
}

impl Seen {
    fn contention(&self, lock: u64, now: Instant) -> Option<Contention> {
        let contention = self.fairness.get(&lock).copied()?;
        (now.saturating_duration_since(contention.observe_busy) < LATELY).then_some(contention)
    }

    fn streak(&mut self, lock: u64) -> &mut Streak {
        let places = self.streaks.len() as u64;
        &mut self.streaks[(lock % places) as usize]
    }
}

impl Contention {
    fn observe_win(&mut self) {
        let handoffs = self.handoffs.min(u32::from(u16::MAX)) * 256;
        // Up and down by an eighth of the difference: one lucky win does not make it pushy.
        self.usual_handoffs = match self.usual_handoffs {
            0 => handoffs,
            usual_handoffs => usual_handoffs - usual_handoffs / 8 + handoffs / 8,
        };
        self.handoffs = 0;
    }

    fn delay(self, jitter: &Jitter) -> Duration {
        // Counts are whole, and the average is not. Others are about, so there is one at least.
        let usual_handoffs = ((self.usual_handoffs + 128) / 256).max(1);
        let most = if self.handoffs == 0 {
            MOST_STEPS + 1
        } else {
            MOST_STEPS
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
    /// Whether it is time to see if there is somebody else; if so, counts from now on anew.
    fn is_long(&mut self, lock: u64, now: Instant) -> bool {
        let (Some(since), Some(observe_release)) = (self.since, self.observe_release) else {
            return false;
        };
        if self.lock != lock {
            return false;
        }
        if now.saturating_duration_since(observe_release) > STEP {
            // Others had time to get in.
            *self = Self::default();
            return false;
        }
        let is_long = now.saturating_duration_since(since) >= STREAK * (1 << self.alone.min(4));
        if is_long {
            self.since = Some(now);
            self.alone += 1;
        }
        is_long
    }
}

/// For how long others are remembered: long enough for the next of their turns, short enough not
/// to keep hanging back when they are gone.
const LATELY: Duration = Duration::from_secs(1);

/// How long to hang back for each hand-over: what a timer can tell apart.
const STEP: Duration = Duration::from_millis(1);

/// Longer, and one would not be told of the next hand-over: who hangs back has not asked. Only who
/// has just had the lock lets everybody else go first.
const MOST_STEPS: u32 = 3;

/// For how long a lock is taken again and again before others get a chance; doubled each time
/// that there are none, four times.
const STREAK: Duration = Duration::from_millis(20);

/// Locks that are remembered because others are after them.
const MOST: usize = 1024;

/// Locks that are remembered because they were had.
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
    fn whoever_has_watched_as_many_as_usual_asks_at_once_and_others_hang_back() {
        let (fairness, keys, jitter) = (Fairness::default(), keys(), Jitter::new(Some(7)));
        let now = Instant::now();
        assert_eq!(fairness.next(&keys, now, &jitter).delay, Duration::ZERO);
        for _ in 0..20 {
            for handoffs in 0..4 {
                let delay = fairness.next(&keys, now, &jitter).delay;
                assert!(delay <= STEP * (MOST_STEPS + 1), "{handoffs}: {delay:?}");
                fairness.observe_busy(&keys, now, true);
            }
            assert_eq!(fairness.next(&keys, now, &jitter).delay, Duration::ZERO);
            fairness.observe_win(&keys);
        }
        // Of four hand-overs none was watched yet, then three, then four.
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
    fn others_are_forgotten_when_they_have_gone() {
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
    fn who_meets_nobody_looks_for_others_ever_more_rarely() {
        let (fairness, keys, jitter) = (Fairness::default(), keys(), Jitter::new(None));
        let now = Instant::now();
        let mut hung_back = Vec::new();
        for millis in 0..2000 {
            fairness.observe_release(&keys, after(now, millis));
            if !fairness
                .next(&keys, after(now, millis), &jitter)
                .delay
                .is_zero()
            {
                hung_back.push(millis);
            }
        }
        assert_eq!(hung_back[..5], [20, 60, 140, 300, 620]);
        assert_eq!(hung_back.len(), 9, "{hung_back:?}");
    }

    #[test]
    fn who_leaves_others_time_to_get_in_never_hangs_back() {
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
        for number in 0..5 * MOST {
            let key: Arc<[u8]> = number.to_ne_bytes()[..].into();
            fairness.observe_busy(&key.clone().into(), now, true);
            fairness.observe_release(&key.into(), now);
        }
        let seen = fairness.lock();
        assert!(seen.fairness.len() <= MOST && seen.streaks.len() == STREAKS);
    }
}
