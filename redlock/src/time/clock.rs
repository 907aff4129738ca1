//! The clock by which leases are judged.
//!
//! A lease must end on time on a laptop that was closed and in a test that runs on paused time.
//! Tokio's clock follows paused time but, like [`std::time::Instant`] on Linux and macOS, stands
//! still while the machine is suspended. So `now` is Tokio's clock plus all the time this
//! machine has been suspended since the process first read it.
//!
//! Nothing of that is remembered for a while: the first reading after a suspend must show it, and a
//! clock that stands still meanwhile could not tell when to look again. A reading therefore reads two
//! clocks, Tokio's and one that continues. A third is read only if the two are farther apart than
//! before: after a suspend, and always where Tokio's clock is paused.

use std::panic::catch_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Awake};

use tokio::runtime::Handle;
use tokio::time::Instant;

/// A point in time on the suspend-aware clock.
///
/// A separate type, so that it cannot be compared with an instant of a clock that stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Instant);

impl Moment {
    /// Returns the current moment.
    #[must_use]
    pub fn now() -> Self {
        // The continuous clock first: see `suspended`.
        let (continuous, now) = (continuous(), Instant::now());
        match suspended_by(continuous, now.into_std()) {
            Duration::ZERO => Self(now),
            suspended => Self(now + suspended),
        }
    }

    /// The moment `duration` later, or `None` if the clock cannot represent it.
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    /// The moment `duration` later, or one that is farther away than any wait.
    pub(crate) fn saturating_add(self, duration: Duration) -> Self {
        let later = self.checked_add(duration);
        let farthest = || self.checked_add(FARTHEST).unwrap_or(self);
        later.unwrap_or_else(farthest)
    }

    /// The moment `duration` earlier, or `None` if the clock cannot represent it.
    #[must_use]
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        self.0.checked_sub(duration).map(Self)
    }

    /// The time from `earlier` to this moment, or zero if `earlier` is later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The same point on Tokio's clock, for arming a timer. A suspend after this call makes the
    /// timer late: see [`sleep_until`].
    fn timer(self) -> Instant {
        self.0.checked_sub(suspended()).unwrap_or(self.0)
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
        let target = moment.timer().min(Instant::now() + TICK);
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

/// The longest distance of a moment that every clock can represent: 30 years.
const FARTHEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The maximum delay before a suspend is noticed.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// How long this machine has been suspended since the first call, in steps: it changes only when
/// the two clocks have moved apart by more than reading them one after the other explains.
fn suspended() -> Duration {
    // Read the continuous clock first: a pause of this thread in between then makes the
    // difference too small, never too large, and cannot be taken for a suspend.
    let (continuous, awake) = (continuous(), Awake::now());
    let apart = apart(continuous, awake);
    let known = SUSPENDED.load(Ordering::Relaxed);
    if apart > known.saturating_add(NOISE) {
        return Duration::from_nanos(SUSPENDED.fetch_max(apart, Ordering::Relaxed).max(apart));
    }
    Duration::from_nanos(known)
}

/// The same, from a reading of the continuous clock and of Tokio's clock behind it.
///
/// Where Tokio's clock is paused, it says nothing about the machine if it is behind. If a test has
/// advanced it, a suspend in that test goes unnoticed until it is longer than the advance.
fn suspended_by(continuous: Duration, tokio: Awake) -> Duration {
    let known = SUSPENDED.load(Ordering::Relaxed);
    if apart(continuous, tokio) > known.saturating_add(NOISE) {
        return suspended();
    }
    Duration::from_nanos(known)
}

/// The time by which the continuous clock is ahead of the other since the first call, in nanoseconds.
fn apart(continuous: Duration, awake: Awake) -> u64 {
    static START: OnceLock<(Awake, Duration)> = OnceLock::new();
    let (awake_start, continuous_start) = *START.get_or_init(|| both(Awake::now, self::continuous));
    let awake = nanos(awake.saturating_duration_since(awake_start));
    let continuous = nanos(continuous).saturating_sub(nanos(continuous_start));
    continuous.saturating_sub(awake)
}

/// Converts to nanoseconds, of which 64 bits count more than five centuries.
fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(duration.subsec_nanos().into())
}

/// The longest suspend that was noticed so far, in nanoseconds: the sum of all.
static SUSPENDED: AtomicU64 = AtomicU64::new(0);

/// Reads both clocks for the same moment.
///
/// The first reading is repeated behind the second, and both again if too much time lies between: a
/// pause of this thread there would be missing from every suspend that is noticed later.
fn both(awake: impl Fn() -> Awake, continuous: impl Fn() -> Duration) -> (Awake, Duration) {
    let mut best: Option<(Duration, (Awake, Duration))> = None;
    for _ in 0..MAX_READINGS {
        let (before, read, after) = (awake(), continuous(), awake());
        let gap = after.saturating_duration_since(before);
        if best.is_none_or(|(least, _)| gap < least) {
            best = Some((gap, (before, read)));
        }
        if gap <= CLOSE {
            break;
        }
    }
    best.map_or_else(|| (awake(), continuous()), |(_, readings)| readings)
}

/// The longest time between two readings that count as simultaneous: less than the noise.
const CLOSE: Duration = Duration::from_micros(50);

/// The number of attempts after which the closest readings have to do.
const MAX_READINGS: usize = 100;

/// Differences below this are noise from reading two clocks: 500 µs, in nanoseconds.
const NOISE: u64 = 500_000;

/// Reads a clock that continues while the machine is suspended.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn continuous() -> Duration {
    read(rustix::time::ClockId::Boottime)
}

/// Reads a clock that continues while the machine is suspended. On Apple systems this is
/// `CLOCK_MONOTONIC`, while [`Awake`] reads `CLOCK_UPTIME_RAW`.
#[cfg(target_vendor = "apple")]
fn continuous() -> Duration {
    read(rustix::time::ClockId::Monotonic)
}

/// Returns zero where there is no such clock, or where [`Awake`] is one already (Windows).
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn continuous() -> Duration {
    Duration::ZERO
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn read(clock: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    // Both fields are non-negative for clocks that count from boot.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

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

    /// The thread is paused between the first two readings, and not between the next.
    #[test]
    fn both_clocks_are_read_again_until_they_are_close() {
        let (start, pause) = (Awake::now(), Duration::from_secs(9));
        let reads = Cell::new(0_u32);
        let passed = || {
            let micros = Duration::from_micros(reads.get().into());
            if reads.get() > 1 {
                pause + micros
            } else {
                micros
            }
        };
        let next = || {
            reads.set(reads.get() + 1);
            passed()
        };
        let (awake, continuous) = both(|| start + next(), next);
        assert_eq!(
            awake.duration_since(start),
            Duration::from_micros(4) + pause
        );
        assert_eq!(continuous, Duration::from_micros(5) + pause);
    }

    #[test]
    fn clocks_that_are_never_close_are_read_a_limited_number_of_times() {
        let (start, reads) = (Awake::now(), Cell::new(0_u32));
        let next = || {
            reads.set(reads.get() + 1);
            Duration::from_secs(reads.get().into())
        };
        let (awake, continuous) = both(|| start + next(), next);
        let apart = continuous.saturating_sub(awake.duration_since(start));
        assert_eq!(apart, Duration::from_secs(1));
        assert!(reads.get() <= 1000, "{}", reads.get());
    }

    #[test]
    fn a_clock_that_was_never_suspended_does_not_drift() {
        let first = suspended();
        for _ in 0..100_000 {
            let _same = suspended();
        }
        // Equal, unless the machine was really suspended in these milliseconds.
        assert!(suspended().saturating_sub(first) < Duration::from_millis(1));
    }

    #[test]
    fn arithmetic_at_the_limits_of_the_clock_does_not_wrap() {
        let now = Moment::now();
        assert_eq!(now.checked_add(Duration::MAX), None);
        assert_eq!(
            now.saturating_since(now.checked_add(Duration::from_secs(1)).unwrap()),
            Duration::ZERO
        );
    }
}
