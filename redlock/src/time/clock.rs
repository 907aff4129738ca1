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

use std::fmt;
use std::num::NonZeroU64;
use std::panic::catch_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Awake};

use tokio::runtime::Handle;
use tokio::time::Instant;

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
        let since_start = Duration::from_nanos(awake.saturating_sub(ORIGIN));
        let instant = Start::get().awake.checked_add(since_start)?;
        Some(Instant::from_std(instant))
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

/// Both clocks at the first reading, for the same moment.
struct Start {
    awake: Awake,
    /// In nanoseconds.
    continuous: u64,
}

impl Start {
    #[inline]
    fn get() -> &'static Self {
        static START: OnceLock<Start> = OnceLock::new();
        START.get_or_init(|| {
            let (awake, continuous) = both(Awake::now, continuous);
            Self { awake, continuous }
        })
    }

    /// The nanoseconds from the start to a reading of the clock that stands still. Negative for a reading
    /// just before the start, and in a test whose clock was paused before.
    fn until(&self, awake: Awake) -> i64 {
        let after = awake.saturating_duration_since(self.awake);
        if after.is_zero() {
            return -signed(self.awake.saturating_duration_since(awake));
        }
        signed(after)
    }

    /// The time by which the continuous clock is ahead of the other since the start, in nanoseconds.
    fn apart(&self, continuous: u64, awake: i64) -> u64 {
        let continuous = i64::try_from(continuous.saturating_sub(self.continuous));
        let apart = continuous.unwrap_or(i64::MAX).saturating_sub(awake);
        u64::try_from(apart).unwrap_or(0)
    }
}

/// How long this machine has been suspended since the first call, in nanoseconds and in steps: it changes
/// only when the two clocks have moved apart by more than reading them one after the other explains.
fn suspended() -> u64 {
    // Read the continuous clock first: a pause of this thread in between then makes the
    // difference too small, never too large, and cannot be taken for a suspend.
    let (continuous, awake) = (continuous(), Awake::now());
    let start = Start::get();
    let apart = start.apart(continuous, start.until(awake));
    let known = SUSPENDED.load(Ordering::Relaxed);
    if apart > known.saturating_add(NOISE) {
        return SUSPENDED.fetch_max(apart, Ordering::Relaxed).max(apart);
    }
    known
}

/// The same, from readings of the continuous clock and of Tokio's clock behind it, which are this far
/// apart.
///
/// Where Tokio's clock is paused, it says nothing about the machine if it is behind. If a test has
/// advanced it, a suspend in that test goes unnoticed until it is longer than the advance.
#[inline]
fn suspended_by(apart: u64) -> u64 {
    let known = SUSPENDED.load(Ordering::Relaxed);
    if apart > known.saturating_add(NOISE) {
        return suspended();
    }
    known
}

/// Converts to nanoseconds, if 64 bits can count them.
fn nanos(duration: Duration) -> Option<u64> {
    let seconds = duration.as_secs().checked_mul(NANOS_PER_SECOND)?;
    seconds.checked_add(duration.subsec_nanos().into())
}

fn signed(duration: Duration) -> i64 {
    let nanos = nanos(duration).and_then(|nanos| i64::try_from(nanos).ok());
    nanos.unwrap_or(i64::MAX)
}

/// The longest time that servers count, in milliseconds of a signed number.
const LONGEST: Duration = Duration::from_millis(i64::MAX.unsigned_abs());

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The nanoseconds of a moment at the start. There are moments before it: a third of a century.
const ORIGIN: u64 = 1 << 60;

/// The longest suspend that was noticed so far, in nanoseconds: the sum of all.
static SUSPENDED: AtomicU64 = AtomicU64::new(0);

/// Reads both clocks for the same moment.
///
/// The first reading is repeated behind the second, and both again if too much time lies between: a
/// pause of this thread there would be missing from every suspend that is noticed later.
fn both(awake: impl Fn() -> Awake, continuous: impl Fn() -> u64) -> (Awake, u64) {
    let mut best: Option<(Duration, (Awake, u64))> = None;
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

/// Reads a clock that continues while the machine is suspended, in nanoseconds.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn continuous() -> u64 {
    read(rustix::time::ClockId::Boottime)
}

/// Reads a clock that continues while the machine is suspended. On Apple systems this is
/// `CLOCK_MONOTONIC`, while [`Awake`] reads `CLOCK_UPTIME_RAW`.
#[cfg(target_vendor = "apple")]
fn continuous() -> u64 {
    read(rustix::time::ClockId::Monotonic)
}

/// Returns zero where there is no such clock, or where [`Awake`] is one already (Windows).
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn continuous() -> u64 {
    0
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn read(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    // Both fields are non-negative for clocks that count from boot.
    let seconds = time.tv_sec.unsigned_abs().saturating_mul(NANOS_PER_SECOND);
    seconds.saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
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
        let (awake, continuous) = both(|| start + next(), || nanos(next()).unwrap());
        assert_eq!(
            awake.duration_since(start),
            Duration::from_micros(4) + pause
        );
        let expected = Duration::from_micros(5) + pause;
        assert_eq!(Duration::from_nanos(continuous), expected);
    }

    #[test]
    fn clocks_that_are_never_close_are_read_a_limited_number_of_times() {
        let (start, reads) = (Awake::now(), Cell::new(0_u32));
        let next = || {
            reads.set(reads.get() + 1);
            Duration::from_secs(reads.get().into())
        };
        let (awake, continuous) = both(|| start + next(), || nanos(next()).unwrap());
        let continuous = Duration::from_nanos(continuous);
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
        assert!(suspended().saturating_sub(first) < 1_000_000);
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
