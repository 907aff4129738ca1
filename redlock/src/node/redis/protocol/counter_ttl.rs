//! Counters whose expiry was set recently.

use std::time::Duration;

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
    /// The moment at which the current batch was begun, once it matters.
    now: Option<Moment>,
}

impl CounterTtls {
    /// Begins a batch: the clock is read once for all of its counters.
    pub(crate) fn begin_batch(&mut self) {
        self.now = None;
    }

    /// Returns the ttl to set on the counter of the key with this [hash](crate::node::keys::hash), so that it stays
    /// for `retention`. Returns `None` if the ttl was set recently.
    pub(crate) fn ttl_to_set(&mut self, hash: u64, retention: Duration) -> Option<Duration> {
        let slack = retention / SLACK_DIVISOR;
        let now = *self.now.get_or_insert_with(Moment::now);
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

/// The maximum number of counters that are remembered, in about one megabyte. A table of one more takes
/// twice as much.
const MAX_COUNTERS: usize = 56 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::keys;

    const HOUR: Duration = Duration::from_secs(3600);

    fn ttl_of(counters: &mut CounterTtls, key: &[u8]) -> Option<Duration> {
        counters.begin_batch();
        counters.ttl_to_set(keys::hash(key), HOUR)
    }

    #[tokio::test(start_paused = true)]
    async fn a_counter_never_has_less_than_its_retention_left() {
        let mut counters = CounterTtls::default();
        let ttl = ttl_of(&mut counters, b"a").unwrap();
        assert_eq!(ttl_of(&mut counters, b"a"), None);
        assert_eq!(ttl_of(&mut counters, b"b"), Some(ttl));
        // The last acquire that does not set the ttl leaves at least the retention.
        let slack = ttl - HOUR;
        tokio::time::advance(slack - Duration::from_millis(1)).await;
        assert_eq!(ttl_of(&mut counters, b"a"), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(ttl_of(&mut counters, b"a"), Some(ttl));
    }

    #[test]
    fn memory_is_bounded_and_a_reconnect_clears_it() {
        let mut counters = CounterTtls::default();
        for number in 0..3 * MAX_COUNTERS {
            assert!(ttl_of(&mut counters, &number.to_ne_bytes()).is_some());
        }
        assert!(counters.set_at.len() <= MAX_COUNTERS);
        let last = (3 * MAX_COUNTERS - 1).to_ne_bytes();
        assert_eq!(ttl_of(&mut counters, &last), None);
        counters.clear();
        assert!(ttl_of(&mut counters, &last).is_some());
    }
}
