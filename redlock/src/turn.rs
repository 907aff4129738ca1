//! Whose turn it is among processes, as far as each of them can tell by watching.
//!
//! Whoever waits sees a lock change hands once for every process that is served before it. Where
//! everybody is served in turn, one has watched as many hand-overs as there are others by the time
//! it is one's own turn. So a process that has watched as many as usual asks at once, and one that
//! has watched fewer hangs back a little for each that is missing: it finds the lock taken by
//! whoever has waited longer, or, if there is nobody, free.
//!
//! Nothing is promised by this, and nothing rests on it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Moment;
use crate::node::Keys;
use crate::retry::Jitter;

/// What a manager has seen of others who want its locks.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// By the first key of a lock. Forgotten when there are too many: they are soon back.
    seen: Mutex<HashMap<Arc<[u8]>, Turn>>,
    /// Whether there is anything: without others, the lock above is never taken.
    is_any: AtomicBool,
}

/// What is known about one lock.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// When another process was last met.
    met: Moment,
    /// Hand-overs among others since this process last had the lock.
    watched: u32,
    /// How many it takes as a rule, in 256ths.
    usual: u32,
}

impl Turns {
    /// Another process has the lock. If it changed hands since this one looked last, that counts.
    pub(crate) fn met(&self, keys: &Keys, now: Moment, is_handed_over: bool) {
        self.is_any.store(true, Ordering::Relaxed);
        let mut seen = self.lock();
        if seen.len() >= MOST {
            seen.clear();
        }
        let turn = seen.entry(Arc::clone(&keys.as_slice()[0])).or_insert(Turn {
            met: now,
            watched: 0,
            usual: 0,
        });
        turn.met = now;
        turn.watched = turn.watched.saturating_add(u32::from(is_handed_over));
    }

    /// The lock is ours.
    pub(crate) fn won(&self, keys: &Keys) {
        if self.is_any.load(Ordering::Relaxed)
            && let Some(turn) = self.lock().get_mut(&keys.as_slice()[0])
        {
            turn.won();
        }
    }

    /// Whether other processes are after the lock.
    pub(crate) fn are_taken(&self, keys: &Keys, now: Moment) -> bool {
        self.get(keys, now).is_some()
    }

    /// How long to let others go first.
    pub(crate) fn delay(&self, keys: &Keys, now: Moment, jitter: &Jitter) -> Duration {
        self.get(keys, now)
            .map_or(Duration::ZERO, |turn| turn.delay(jitter))
    }

    fn get(&self, keys: &Keys, now: Moment) -> Option<Turn> {
        if !self.is_any.load(Ordering::Relaxed) {
            return None;
        }
        let turn = self.lock().get(&keys.as_slice()[0]).copied()?;
        (now.saturating_since(turn.met) < LATELY).then_some(turn)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<[u8]>, Turn>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    fn won(&mut self) {
        let watched = self.watched.min(u32::from(u16::MAX)) * 256;
        self.usual = match self.usual {
            0 => watched,
            // Up and down by an eighth of the difference: one lucky win does not make it pushy.
            usual => usual - usual / 8 + watched / 8,
        };
        self.watched = 0;
    }

    fn delay(self, jitter: &Jitter) -> Duration {
        // As many as usual, less one half: counts are whole, and the average is not.
        let missing = (self.usual.saturating_sub(128) / 256 + 1).saturating_sub(self.watched);
        if missing == 0 || self.usual < 128 {
            return Duration::ZERO;
        }
        let steps = missing.min(MOST_STEPS);
        STEP * (steps - 1) + jitter.up_to(STEP)
    }
}

/// For how long others are remembered: long enough for the next of their turns, short enough not
/// to keep hanging back when they are gone.
const LATELY: Duration = Duration::from_secs(1);

/// How long to hang back for each hand-over: what a timer can tell apart.
const STEP: Duration = Duration::from_millis(1);

/// Beyond this the order does not matter: it is not one's turn in any case.
const MOST_STEPS: u32 = 3;

/// Locks that are remembered.
const MOST: usize = 1024;
