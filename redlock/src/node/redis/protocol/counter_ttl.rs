//! Which counters have lately been told how long to stay.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::time::clock::Moment;

/// The counters whose expiry was set over this connection and not long ago: to set it again with
/// every acquire would cost a server a sixth of its work.
///
/// The expiry is set somewhat longer than asked for, and again before what was asked for would be
/// undercut. Only hashes are kept. Should two keys ever share one, a counter would be kept from
/// the time of its last extension, or its next acquisition, on: no token depends on it.
#[derive(Debug, Default)]
pub(crate) struct CounterTtls {
    /// When the expiry was set, by the hash of the key.
    set: HashMap<u64, Moment>,
    hasher: RandomState,
}

impl CounterTtls {
    /// How long the counter of `key` is to be told to stay so that it stays for `retention`;
    /// `None` if it was told to lately.
    pub(crate) fn retention(&mut self, key: &[u8], retention: Duration) -> Option<Duration> {
        let slack = retention / SLACK;
        let now = Moment::now();
        let hash = self.hasher.hash_one(key);
        let is_lately = self
            .set
            .get(&hash)
            .is_some_and(|set| now.saturating_since(*set) < slack);
        if is_lately {
            return None;
        }
        if self.set.len() >= MOST {
            // Not worth an order: those in use are soon back.
            self.set.clear();
        }
        self.set.insert(hash, now);
        Some(retention.saturating_add(slack))
    }

    /// Forgets everything: the server may have, too.
    pub(crate) fn clear(&mut self) {
        self.set.clear();
    }
}

/// By which part of it a retention is set longer.
const SLACK: u32 = 8;

/// CounterTtls that are remembered: some two megabytes.
const MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_counter_never_has_less_than_its_retention_left() {
        let mut counters = CounterTtls::default();
        let told = counters.retention(b"a", HOUR).unwrap();
        assert_eq!(counters.retention(b"a", HOUR), None);
        assert_eq!(counters.retention(b"b", HOUR), Some(told));
        // The last acquire that does not set it anew leaves enough.
        let slack = told - HOUR;
        tokio::time::advance(slack - Duration::from_millis(1)).await;
        assert_eq!(counters.retention(b"a", HOUR), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(counters.retention(b"a", HOUR), Some(told));
    }

    #[test]
    fn memory_is_bounded_and_a_new_server_is_told_again() {
        let mut counters = CounterTtls::default();
        for number in 0..3 * MOST {
            assert!(counters.retention(&number.to_ne_bytes(), HOUR).is_some());
        }
        assert!(counters.set.len() <= MOST);
        let last = (3 * MOST - 1).to_ne_bytes();
        assert_eq!(counters.retention(&last, HOUR), None);
        counters.clear();
        assert!(counters.retention(&last, HOUR).is_some());
    }
}
