//! How long to pause between rounds.

use std::time::Duration;

use crate::sync::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The source of every random delay of a manager.
///
/// Seedable so that a simulation can be replayed; lease ids never come from here.
#[derive(Debug)]
pub(crate) struct Jitter(Mutex<StdRng>);

impl Jitter {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let rng = seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        Self(Mutex::new(rng))
    }

    /// A delay anywhere between nothing and `most`: full jitter, which breaks up contenders that
    /// met in one round better than a fixed delay with some noise (Marc Brooker, "Exponential
    /// Backoff And Jitter", 2015).
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        most.mul_f64(self.fraction())
    }

    /// A delay between four fifths of `usual` and `usual`, for work that must not be late.
    pub(crate) fn before(&self, usual: Duration) -> Duration {
        usual.mul_f64(0.8 + 0.2 * self.fraction())
    }

    /// A delay between half of `most` and `most`, for work that is rarely needed.
    pub(crate) fn upper_half(&self, most: Duration) -> Duration {
        most.mul_f64(0.5 + 0.5 * self.fraction())
    }

    fn fraction(&self) -> f64 {
        // A poisoned generator is as random as any.
        self.0.lock().random_range(0.0..1.0)
    }
}

/// The delay before reconnect attempt number `attempt`, before jitter: doubles from 50 ms to 1 s.
pub(crate) fn reconnect_delay(attempt: u32) -> Duration {
    Duration::from_millis(50)
        .saturating_mul(1 << attempt.min(5))
        .min(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(200);

    #[test]
    fn full_jitter_covers_the_whole_range() {
        let jitter = Jitter::new(Some(7));
        let delays: Vec<_> = (0..1000).map(|_| jitter.up_to(DELAY)).collect();
        assert!(delays.iter().all(|delay| *delay < DELAY));
        assert!(delays.iter().any(|delay| *delay < DELAY / 10));
        assert!(delays.iter().any(|delay| *delay > DELAY * 9 / 10));
    }

    #[test]
    fn no_delay_is_no_delay() {
        assert_eq!(Jitter::new(None).up_to(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        let (one, other) = (Jitter::new(Some(42)), Jitter::new(Some(42)));
        for _ in 0..10 {
            assert_eq!(one.up_to(DELAY), other.up_to(DELAY));
            assert_eq!(one.before(DELAY), other.before(DELAY));
        }
    }

    #[test]
    fn reconnecting_slows_down_to_a_second() {
        assert_eq!(reconnect_delay(0), Duration::from_millis(50));
        assert_eq!(reconnect_delay(1), Duration::from_millis(100));
        assert_eq!(reconnect_delay(u32::MAX), Duration::from_secs(1));
    }
}
