//! The time for which the machine has been suspended.
//!
//! One clock stands still while the machine is suspended, and another continues. Nothing of their
//! readings is remembered for a while: the first reading after a suspend must show it, and a clock that
//! stands still meanwhile could not tell when to look again.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Awake};

/// Both clocks at the first reading, for the same moment.
pub(super) struct Start {
    awake: Awake,
    /// In nanoseconds.
    continuous: u64,
}

impl Start {
    #[inline]
    pub(super) fn get() -> &'static Self {
        static START: OnceLock<Start> = OnceLock::new();
        START.get_or_init(|| {
            let (awake, continuous) = both(Awake::now, continuous);
            Self { awake, continuous }
        })
    }

    /// The nanoseconds from the start to a reading of the clock that stands still. Negative for a reading
    /// just before the start, and in a test whose clock was paused before.
    pub(super) fn until(&self, awake: Awake) -> i64 {
        let after = awake.saturating_duration_since(self.awake);
        if after.is_zero() {
            return -signed(self.awake.saturating_duration_since(awake));
        }
        signed(after)
    }

    /// The reading of that clock so long after the start, or before it.
    pub(super) fn at(&self, after: Duration, before: Duration) -> Option<Awake> {
        self.awake.checked_add(after)?.checked_sub(before)
    }

    /// The time by which the continuous clock is ahead of the other since the start, in nanoseconds.
    pub(super) fn apart(&self, continuous: u64, awake: i64) -> u64 {
        // Signed: this reading, too, may be from just before the start.
        let since = continuous.wrapping_sub(self.continuous).cast_signed();
        u64::try_from(since.saturating_sub(awake)).unwrap_or(0)
    }
}

/// How long this machine has been suspended since the first call, in nanoseconds and in steps: it changes
/// only when the two clocks have moved apart by more than reading them one after the other explains.
pub(super) fn suspended() -> u64 {
    let start = Start::get();
    // Read the continuous clock first: a pause of this thread in between then makes the
    // difference too small, never too large, and cannot be taken for a suspend.
    let (continuous, awake) = (continuous(), Awake::now());
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
pub(super) fn suspended_by(apart: u64) -> u64 {
    let known = SUSPENDED.load(Ordering::Relaxed);
    if apart > known.saturating_add(NOISE) {
        return suspended();
    }
    known
}

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
pub(super) fn continuous() -> u64 {
    read(rustix::time::ClockId::Boottime)
}

/// Reads a clock that continues while the machine is suspended. On Apple systems this is
/// `CLOCK_MONOTONIC`, while [`Awake`] reads `CLOCK_UPTIME_RAW`.
#[cfg(target_vendor = "apple")]
pub(super) fn continuous() -> u64 {
    read(rustix::time::ClockId::Monotonic)
}

/// Returns zero where there is no such clock, or where [`Awake`] is one already (Windows).
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn continuous() -> u64 {
    0
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn read(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    // Both fields are non-negative for clocks that count from boot.
    let seconds = time.tv_sec.unsigned_abs().saturating_mul(NANOS_PER_SECOND);
    seconds.saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Converts to nanoseconds, if 64 bits can count them.
pub(super) fn nanos(duration: Duration) -> Option<u64> {
    let seconds = duration.as_secs().checked_mul(NANOS_PER_SECOND)?;
    seconds.checked_add(duration.subsec_nanos().into())
}

fn signed(duration: Duration) -> i64 {
    let nanos = nanos(duration).and_then(|nanos| i64::try_from(nanos).ok());
    nanos.unwrap_or(i64::MAX)
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

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
    fn readings_from_before_the_start_count() {
        let (awake, second) = (Awake::now(), NANOS_PER_SECOND);
        let continuous = 7 * second;
        let start = Start { awake, continuous };
        for millis in [0, 1, 999, 5000] {
            let earlier = Duration::from_millis(millis);
            let Some(reading) = awake.checked_sub(earlier) else {
                continue;
            };
            let since = start.until(reading);
            assert_eq!(since, -signed(earlier));
            assert_eq!(start.at(Duration::ZERO, earlier), Some(reading));
            let same = continuous - nanos(earlier).unwrap();
            assert_eq!(start.apart(same, since), 0, "not a suspend");
            assert_eq!(start.apart(same + second, since), second);
        }
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
}
