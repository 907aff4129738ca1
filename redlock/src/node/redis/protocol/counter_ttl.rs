//! Counters whose expiry was set recently.

use std::time::Duration;

use crate::node::keys;
use crate::node::keys::HashedMap;
use crate::time::clock::Moment;

/// The counters whose expiry was recently set over this connection.
///
/// Setting it with every acquire would cost a server a sixth of its work. The ttl is therefore an
/// eighth longer than the retention, and is set again once that eighth has passed: a counter never
/// has less than its retention left. An acquire that does not set it creates no counter.
///
/// Only hashes of keys are stored, of 64 bits. If two keys share a hash, an acquire of one may not
/// set the ttl of its counter. The retention of that counter then counts from its last extension or
/// its next acquire.
#[derive(Debug, Default)]
pub(crate) struct CounterTtls {
    /// When the ttl was set, by the hash of the key.
    set_at: HashedMap<u64, Moment>,
}

impl CounterTtls {
    /// Returns the ttl to set on the counter of `key`, so that it stays for `retention`. Returns
    /// `None` if the ttl was set recently.
    pub(crate) fn ttl_to_set(&mut self, key: &[u8], retention: Duration) -> Option<Duration> {
        let slack = retention / SLACK_DIVISOR;
        let now = Moment::now();
        let hash = keys::hash(key);
        let is_recent = self
            .set_at
            .get(&hash)
            .is_some_and(|set_at| now.saturating_since(*set_at) < slack);
        if is_recent {
            return None;
        }
        if self.set_at.len() >= MAX_COUNTERS {
            // No order of eviction: counters in use soon return.
            self.set_at.clear();
        }
        self.set_at.insert(hash, now);
        Some(retention.saturating_add(slack))
    }

    /// Forgets all counters. After a reconnect, the server may have lost them too.
    pub(crate) fn clear(&mut self) {
        self.set_at.clear();
    }
}

/// A ttl is longer than the retention by the retention divided by this.
const SLACK_DIVISOR: u32 = 8;

/// The maximum number of counters that are remembered, in about two megabytes.
const MAX_COUNTERS: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_counter_never_has_less_than_its_retention_left() {
        let mut counters = CounterTtls::default();
        let ttl = counters.ttl_to_set(b"a", HOUR).unwrap();
        assert_eq!(counters.ttl_to_set(b"a", HOUR), None);
        assert_eq!(counters.ttl_to_set(b"b", HOUR), Some(ttl));
        // The last acquire that does not set the ttl leaves at least the retention.
        let slack = ttl - HOUR;
        tokio::time::advance(slack - Duration::from_millis(1)).await;
        assert_eq!(counters.ttl_to_set(b"a", HOUR), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(counters.ttl_to_set(b"a", HOUR), Some(ttl));
    }

    #[test]
    fn memory_is_bounded_and_a_reconnect_clears_it() {
        let mut counters = CounterTtls::default();
        for number in 0..3 * MAX_COUNTERS {
            assert!(counters.ttl_to_set(&number.to_ne_bytes(), HOUR).is_some());
        }
        assert!(counters.set_at.len() <= MAX_COUNTERS);
        let last = (3 * MAX_COUNTERS - 1).to_ne_bytes();
        assert_eq!(counters.ttl_to_set(&last, HOUR), None);
        counters.clear();
        assert!(counters.ttl_to_set(&last, HOUR).is_some());
    }
}
