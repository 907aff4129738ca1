//! Random delays, and the delay between connection attempts.

use std::time::Duration;

use crate::sync::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The source of all random delays of a manager.
///
/// It can be seeded, so that a simulation can be replayed. Lease ids never come from here.
#[derive(Debug)]
pub(crate) struct Jitter(Mutex<StdRng>);

impl Jitter {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let rng = seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        Self(Mutex::new(rng))
    }

    /// Returns a delay between zero and `max`: full jitter. It separates contenders that collided
    /// in a round better than a fixed delay with some noise (Marc Brooker, "Exponential Backoff
    /// And Jitter", 2015).
    pub(crate) fn up_to(&self, max: Duration) -> Duration {
        max.mul_f64(self.fraction())
    }

    /// Returns a delay between four fifths of `max` and `max`, for work that must not be late.
    pub(crate) fn before(&self, max: Duration) -> Duration {
        max.mul_f64(0.8 + 0.2 * self.fraction())
    }

    /// Returns a delay between a quarter of `max` and `max`, for work of many that begins at once.
    pub(crate) fn spread(&self, max: Duration) -> Duration {
        max.mul_f64(0.25 + 0.75 * self.fraction())
    }

    /// Returns a delay between half of `max` and `max`, for work that is rarely needed.
    pub(crate) fn upper_half(&self, max: Duration) -> Duration {
        max.mul_f64(0.5 + 0.5 * self.fraction())
    }

    /// Returns a number below `count`, which is at least one.
    pub(crate) fn below(&self, count: usize) -> usize {
        self.0.lock().random_range(0..count)
    }

    fn fraction(&self) -> f64 {
        self.0.lock().random_range(0.0..1.0)
    }
}

/// Returns the delay before reconnect attempt number `attempt`, without jitter. It doubles from
/// 50 ms up to 1 s.
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
    fn jitter_of_a_zero_delay_is_zero() {
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
    fn the_reconnect_delay_doubles_up_to_one_second() {
        assert_eq!(reconnect_delay(0), Duration::from_millis(50));
        assert_eq!(reconnect_delay(1), Duration::from_millis(100));
        assert_eq!(reconnect_delay(u32::MAX), Duration::from_secs(1));
    }
}
