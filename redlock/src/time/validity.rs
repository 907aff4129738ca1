//! The arithmetic of a lease's times.
//!
//! All margins and limits of a lease are decided here. Nothing here reads a clock.

use std::time::Duration;

use crate::time::clock::Moment;

/// Returns the allowance for clock drift: what a node's clock may gain on ours during `ttl`.
///
/// It includes 2 ms for the servers' granularity of expiry (1 ms) and for rounding (1 ms).
pub(crate) fn drift(ttl: Duration, factor: f64) -> Duration {
    ttl.mul_f64(factor).saturating_add(Duration::from_millis(2))
}

/// Returns the moment until which a node certainly keeps a key, after a command that was sent at
/// `sent` with `ttl`.
///
/// The time is counted from before the command was submitted, so the result can only be too early.
pub(crate) fn expiry(sent: Moment, ttl: Duration, drift_factor: f64) -> Moment {
    sent.checked_add(valid_for(ttl, drift_factor))
        .unwrap_or(sent)
}

/// Returns the moment after which a lease must be treated as gone: the `quorum`-th largest expiry.
/// Returns `None` if fewer nodes hold it.
///
/// Compares every pair. For a handful of nodes this is less work than sorting a list.
pub(crate) fn deadline(
    expiries: impl Iterator<Item = Moment> + Clone,
    quorum: usize,
) -> Option<Moment> {
    let reaches = |moment: &Moment| expiries.clone().filter(|it| it >= moment).count() >= quorum;
    // The common case after a round or an extension, where all commands were sent together.
    let latest = expiries.clone().max().filter(reaches);
    latest.or_else(|| expiries.clone().filter(reaches).max())
}

/// Returns the moment at which to act on `deadline`: a little before it, because timers round up.
pub(crate) fn act_before(deadline: Moment, ttl: Duration) -> Moment {
    deadline.checked_sub(act_margin(ttl)).unwrap_or(deadline)
}

fn act_margin(ttl: Duration) -> Duration {
    (ttl / 100).max(Duration::from_millis(2))
}

/// Returns how long before the end of `max_hold` a lease may end because of that limit.
///
/// The last extension ends at the limit, less its drift. The lease ends a little before that.
pub(crate) fn max_hold_margin(ttl: Duration, drift_factor: f64) -> Duration {
    drift(ttl, drift_factor)
        .saturating_add(ttl / 100)
        .saturating_add(Duration::from_millis(2))
}

/// Returns the time after which a lease of `ttl` ends, unless it is extended.
pub(crate) fn valid_for(ttl: Duration, drift_factor: f64) -> Duration {
    ttl.saturating_sub(drift(ttl, drift_factor))
}

/// Whether a lease of `ttl` lasts beyond its first background extension, with time for a response.
pub(crate) fn outlasts_extension(ttl: Duration, drift_factor: f64) -> bool {
    let last = extend_interval(ttl).saturating_add(ttl / 20);
    valid_for(ttl, drift_factor).saturating_sub(act_margin(ttl)) > last
}

/// Returns the longest time from one background extension to the next. It leaves two thirds of the
/// ttl for retries.
pub(crate) fn extend_interval(ttl: Duration) -> Duration {
    ttl / 3
}

/// Returns how long a node may owe the response to an extension before another one is sent. In an
/// overload, more than one command for each lease and node makes it worse.
pub(crate) fn lost_after(ttl: Duration) -> Duration {
    ttl / 2
}

/// Returns the time between the moments at which extensions are sent. Those of many leases then share
/// commands and system calls.
pub(crate) fn extension_tick(ttl: Duration) -> Duration {
    extend_interval(ttl) / 1000
}

/// Returns the time over which the extensions of many leases are spread if they are due at once.
pub(crate) fn extension_spread(ttl: Duration) -> Duration {
    ttl / 10
}

/// Returns the time until `deadline`.
pub(crate) fn remaining(deadline: Moment, now: Moment) -> Duration {
    deadline.saturating_since(now)
}

/// Converts to whole milliseconds, in which servers count. Rounds up, so that a lease is never
/// shorter than requested. Returns `None` for what no server can count.
pub(crate) fn whole_millis(duration: Duration) -> Option<u64> {
    let rounded = duration.checked_add(Duration::from_nanos(999_999))?;
    // Servers add the time of day, in a signed 64-bit number.
    u64::try_from(rounded.as_millis())
        .ok()
        .filter(|millis| *millis <= i64::MAX.unsigned_abs() / 2)
}

/// Returns the part of `ttl` that must be left when a round is won.
pub(crate) fn min_validity(ttl: Duration) -> Duration {
    ttl / 4
}

/// Returns how long to wait for the response of one node. The lower bound gives a busy server time.
/// The upper bound keeps one node from using up the lease. The round trip is only asked for if it matters.
pub(crate) fn node_timeout(
    ttl: Duration,
    round_trip: impl FnOnce() -> Option<Duration>,
) -> Duration {
    let (least, most) = (Duration::from_millis(50), Duration::from_secs(1));
    let timeout = match ttl / 20 {
        part if part >= most => most,
        part => {
            let round_trips = round_trip().unwrap_or_default().saturating_mul(4);
            part.max(round_trips).clamp(least, most)
        }
    };
    capped_node_timeout(timeout, ttl)
}

/// Returns `timeout`, at most the part of `ttl` that one node may use up.
pub(crate) fn capped_node_timeout(timeout: Duration, ttl: Duration) -> Duration {
    timeout.min(ttl / 4)
}

/// Returns how long the keys of a lease are contested: the time for an adopter to decide, and as much
/// again for its returns to arrive.
pub(crate) fn adoption_limit(node_timeout: Duration) -> Duration {
    node_timeout.saturating_mul(2)
}

/// Returns how long to wait for the other nodes once an outcome is certain.
pub(crate) fn grace(node_timeout: Duration) -> Duration {
    node_timeout / 10
}

/// The age up to which the grants of a round count together. The keys of an older one are checked
/// again before it is won: a node may have lost its data since its grant.
///
/// A lease that joins a node relies on it. A round that was granted the lock there before must be
/// over before the other nodes let go of the lease. Longer than a round trip around the world, so
/// that the check is rare.
pub(crate) const ROUND_LIMIT: Duration = Duration::from_millis(250);

/// Returns that age as the clock of a node may count it.
pub(crate) fn round_limit(drift_factor: f64) -> Duration {
    ROUND_LIMIT.saturating_add(drift(ROUND_LIMIT, drift_factor))
}

/// Returns the longest delay before a re-arm that met another owner is repeated, after `refused`
/// others in a row.
pub(crate) fn rearm_delay(refused: u32) -> Duration {
    Duration::from_millis(5).saturating_mul(1 << refused.min(8))
}

/// Returns how long a node may be silent with commands in flight before its session has failed.
pub(crate) fn silence_limit(node_timeout: Duration) -> Duration {
    node_timeout.saturating_mul(3).max(Duration::from_secs(1))
}

/// Returns the moment by which a key is gone, even from a node with a slow clock, after a command
/// that was sent at `sent` with `ttl`. A later release is pointless.
pub(crate) fn gone_by(sent: Moment, ttl: Duration, drift_factor: f64) -> Moment {
    let longest = ttl
        .saturating_add(drift(ttl, drift_factor))
        .saturating_add(GONE_MARGIN);
    sent.saturating_add(longest)
}

/// Returns how long a head of the local queue may be silent before others overtake it. Longer than any
/// live head is silent: between two rounds, and during one.
pub(crate) fn stall_limit(silence_limit: Duration, longest_pause: Duration) -> Duration {
    silence_limit
        .saturating_mul(2)
        .saturating_add(longest_pause)
}

/// Returns the part of the fence retention by which clocks may differ.
pub(crate) fn clock_skew_limit(retention: Duration) -> Duration {
    retention / 2
}

/// Returns the default fence retention.
pub(crate) fn default_retention(max_ttl: Duration) -> Duration {
    Duration::from_secs(3600).max(min_retention(max_ttl))
}

/// Returns the shortest fence retention. With a shorter one, a counter could expire before its lease.
pub(crate) fn min_retention(max_ttl: Duration) -> Duration {
    max_ttl.saturating_mul(2)
}

/// The longest fence retention: a century. Servers can count it, and no proposal within it exhausts
/// the tokens.
pub(crate) const MAX_RETENTION: Duration = Duration::from_secs(100 * YEAR);

/// The longest `max_ttl`: half of the longest fence retention.
pub(crate) const MAX_TTL: Duration = Duration::from_secs(50 * YEAR);

/// The longest delay between two polls. Longer than any wait.
pub(crate) const MAX_RETRY_DELAY: Duration = Duration::from_secs(YEAR);

/// The shortest valid node timeout. With a shorter one, an extension would be repeated without a pause.
pub(crate) const MIN_NODE_TIMEOUT: Duration = Duration::from_millis(1);

/// A year of 365 days, in seconds.
const YEAR: u64 = 365 * 24 * 60 * 60;

/// The shortest valid ttl. With a shorter one, a round trip may take longer than the lease.
pub(crate) const MIN_TTL: Duration = Duration::from_millis(10);

/// The allowance for a command that was in flight when its connection broke.
const GONE_MARGIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(start: Moment, millis: u32) -> Moment {
        start.checked_add(MS * millis).unwrap()
    }

    #[test]
    fn the_deadline_is_the_quorum_th_largest_expiry() {
        let now = Moment::now();
        let expiries = [5, 9, 1, 7, 3].map(|millis| after(now, millis));
        assert_eq!(deadline(expiries.into_iter(), 3), Some(after(now, 5)));
        assert_eq!(deadline(expiries.into_iter(), 1), Some(after(now, 9)));
        assert_eq!(deadline(expiries.into_iter(), 5), Some(after(now, 1)));
        assert_eq!(deadline(expiries.into_iter(), 6), None);
        assert_eq!(deadline(expiries.into_iter().take(2), 3), None);
    }

    #[test]
    fn expiry_allows_for_drift() {
        let now = Moment::now();
        // 10 s less 1 % less 2 ms.
        assert_eq!(expiry(now, MS * 10_000, 0.01), after(now, 9_898));
    }

    #[test]
    fn a_ttl_below_its_drift_leaves_no_lease_and_does_not_wrap() {
        let now = Moment::now();
        assert_eq!(expiry(now, MS, 0.01), now);
        assert_eq!(remaining(now, after(now, 1)), Duration::ZERO);
        assert_eq!(expiry(now, Duration::MAX, 0.5), now);
    }

    #[test]
    fn milliseconds_round_up_and_never_to_zero() {
        assert_eq!(whole_millis(Duration::from_nanos(1)), Some(1));
        assert_eq!(whole_millis(MS), Some(1));
        assert_eq!(whole_millis(Duration::from_micros(1001)), Some(2));
        assert_eq!(whole_millis(Duration::MAX), None);
    }

    #[test]
    fn the_node_timeout_stays_within_its_bounds() {
        let secs = Duration::from_secs;
        assert_eq!(node_timeout(secs(10), || None), MS * 500);
        assert_eq!(node_timeout(secs(60), || None), secs(1));
        assert_eq!(node_timeout(MS * 500, || None), MS * 50);
        assert_eq!(node_timeout(MS * 100, || None), MS * 25);
        assert_eq!(node_timeout(secs(2), || Some(MS * 60)), MS * 240);
        assert_eq!(capped_node_timeout(secs(5), secs(10)), MS * 2_500);
    }

    #[test]
    fn timers_are_armed_before_the_deadline() {
        let deadline = after(Moment::now(), 60_000);
        assert_eq!(
            remaining(deadline, act_before(deadline, MS * 30_000)),
            MS * 300
        );
        assert_eq!(remaining(deadline, act_before(deadline, MS * 20)), MS * 2);
    }
}
