//! Keys for which other processes contend.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use crate::time::clock::Moment;

/// The keys for which a session has recently met contenders of other processes.
///
/// Acquires of such a key use the script, which respects the waiting list. The native command would
/// overtake. Only hashes are stored: two keys with the same hash cost a script more.
#[derive(Debug, Default)]
pub(crate) struct ContendedKeys {
    met_at: HashMap<u64, Moment>,
    hasher: RandomState,
}

impl ContendedKeys {
    /// Records that contenders were met.
    pub(crate) fn add(&mut self, keys: &[Arc<[u8]>]) {
        let now = Moment::now();
        if self.met_at.len() >= MAX_KEYS {
            self.met_at
                .retain(|_, met_at| now.saturating_since(*met_at) < MEMORY);
            if self.met_at.len() >= MAX_KEYS {
                // Keys in use soon come back.
                self.met_at.clear();
            }
        }
        for key in keys {
            self.met_at.insert(self.hasher.hash_one(key), now);
        }
    }

    /// Whether no contenders are remembered at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.met_at.is_empty()
    }

    /// Whether contenders were recently met at one of these keys.
    pub(crate) fn contains_any(&self, keys: &[Arc<[u8]>]) -> bool {
        if self.met_at.is_empty() {
            return false;
        }
        let now = Moment::now();
        keys.iter().any(|key| {
            let met_at = self.met_at.get(&self.hasher.hash_one(key));
            met_at.is_some_and(|met_at| now.saturating_since(*met_at) < MEMORY)
        })
    }
}

/// The time for which contenders are remembered.
const MEMORY: Duration = Duration::from_secs(1);

/// The largest number of keys that are remembered.
const MAX_KEYS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> [Arc<[u8]>; 1] {
        [number.to_ne_bytes()[..].into()]
    }

    #[tokio::test(start_paused = true)]
    async fn contenders_are_forgotten_after_a_second() {
        let mut keys = ContendedKeys::default();
        assert!(!keys.contains_any(&key(1)));
        keys.add(&key(1));
        assert!(keys.contains_any(&key(1)) && !keys.contains_any(&key(2)));
        tokio::time::advance(MEMORY).await;
        assert!(!keys.contains_any(&key(1)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut keys = ContendedKeys::default();
        for number in 0..5 * MAX_KEYS {
            keys.add(&key(number));
        }
        assert!(keys.met_at.len() <= MAX_KEYS);
    }
}
