//! Times as results show them.

use std::time::{Duration, SystemTime};

/// Formats a duration to the millisecond, which is the precision of servers.
pub(crate) fn shown(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(milliseconds(duration)))
}

/// Returns the whole milliseconds of a duration.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the whole microseconds of a duration.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the instant after a duration, in milliseconds of Unix time by this machine's clock.
pub(crate) fn deadline(remaining: Duration) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    milliseconds(now.unwrap_or_default().saturating_add(remaining))
}
