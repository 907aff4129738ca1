//! The clock by which leases are judged.
//!
//! A lease must end on time on a laptop that was closed and in a test that runs on paused time.
//! Tokio's clock follows paused time but, like [`std::time::Instant`] on Linux and macOS, stands
//! still while the machine is suspended. So `now` is Tokio's clock plus all the time this
//! machine has been suspended since the process first read it.
//!
//! A reading reads two clocks, Tokio's and one that continues. A third is read only if the two are farther
//! apart than before: after a suspend, and always where Tokio's clock is paused.

use std::fmt;
use std::num::NonZeroU64;
use std::panic::catch_unwind;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::time::suspend::{Start, continuous, nanos, suspended, suspended_by};

/// A point in time on the suspend-aware clock.
///
/// A separate type, so that it cannot be compared with an instant of a clock that stops. It has half the
/// size of one, and is compared and moved in single instructions: a lease has dozens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(
    /// Nanoseconds, of which the start has `ORIGIN`. They last for more than five centuries.
    NonZeroU64,
);

impl Moment {
    /// Returns the current moment.
    #[must_use]
    pub fn now() -> Self {
        // The continuous clock first: see `suspended`.
        let (continuous, awake) = (continuous(), Instant::now().into_std());
        let start = Start::get();
        let awake = start.until(awake);
        let suspended = suspended_by(start.apart(continuous, awake));
        let nanos = ORIGIN
            .saturating_add_signed(awake)
            .saturating_add(suspended);
        Self(NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
    }

    /// The moment `duration` later, or `None` if no clock could represent it. All moments that are more
    /// than five centuries away are the same.
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        (duration <= LONGEST).then(|| self.saturating_add(duration))
    }

    /// The moment `duration` later, or one that is farther away than any wait.
    pub(crate) fn saturating_add(self, duration: Duration) -> Self {
        let nanos = nanos(duration).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// The moment `duration` earlier, or `None` if the clock cannot represent it.
    #[must_use]
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        let earlier = self.0.get().checked_sub(nanos(duration)?)?;
        NonZeroU64::new(earlier).map(Self)
    }

    /// The time from `earlier` to this moment, or zero if `earlier` is later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// The moment as a number, which is not 0.
    pub(crate) fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// The moment of a number, if it is not 0.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self)
    }

    /// The same point on Tokio's clock, for arming a timer; `None` if that cannot represent it. A suspend
    /// after this call makes the timer late: see [`sleep_until`].
    fn timer(self) -> Option<Instant> {
        let awake = self.0.get().saturating_sub(suspended());
        let after = Duration::from_nanos(awake.saturating_sub(ORIGIN));
        let before = Duration::from_nanos(ORIGIN.saturating_sub(awake));
        Start::get().at(after, before).map(Instant::from_std)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_start = Duration::from_nanos(self.0.get().saturating_sub(ORIGIN));
        write!(f, "Moment({since_start:?})")
    }
}

/// Sleeps until `moment`. Wakes up in between to notice a suspend: a timer alone would fire late by
/// the time for which the machine was suspended.
pub(crate) async fn sleep_until(moment: Moment) {
    loop {
        let now = Moment::now();
        if now >= moment {
            return;
        }
        let tick = Instant::now() + TICK;
        let target = moment.timer().map_or(tick, |timer| timer.min(tick));
        tokio::time::sleep_until(target).await;
    }
}

/// Whether the current runtime has timers. False outside of a runtime.
///
/// Tokio has no other way to ask: where timers are disabled, this causes a panic, which is caught. The
/// panic hook prints it.
pub(crate) fn has_timers() -> bool {
    Handle::try_current().is_ok()
        && catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok()
}

/// The maximum delay before a suspend is noticed.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// The longest time that servers count, in milliseconds of a signed number.
const LONGEST: Duration = Duration::from_millis(i64::MAX.unsigned_abs());

/// The nanoseconds of a moment at the start. There are moments before it: 146 years.
const ORIGIN: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_paused_time() {
        let before = Moment::now();
        tokio::time::advance(Duration::from_secs(3600)).await;
        let passed = Moment::now().saturating_since(before);
        // A real suspend would add to it. Nothing can subtract from it.
        assert!(passed >= Duration::from_secs(3600), "{passed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_at_the_moment_and_not_before() {
        let end = Moment::now()
            .checked_add(Duration::from_millis(3456))
            .unwrap();
        sleep_until(end).await;
        assert!(Moment::now() >= end);
        assert!(Moment::now().saturating_since(end) < Duration::from_secs(1));
    }

    #[test]
    fn arithmetic_at_the_limits_of_the_clock_does_not_wrap() {
        let now = Moment::now();
        assert_eq!(now.checked_add(Duration::MAX), None);
        let farthest = now.saturating_add(Duration::MAX);
        assert_eq!(now.checked_add(LONGEST), Some(farthest));
        assert!(farthest.timer().is_none_or(|it| it > Instant::now()));
        assert_eq!(now.checked_sub(Duration::MAX), None);
        let earlier = now.checked_sub(Duration::from_secs(1 << 29)).unwrap();
        assert_eq!(now.saturating_since(earlier).as_secs(), 1 << 29);
        assert_eq!(earlier.checked_add(Duration::from_secs(1 << 29)), Some(now));
        assert_eq!(
            now.saturating_since(now.checked_add(Duration::from_secs(1)).unwrap()),
            Duration::ZERO
        );
    }
}
