//! An approximate set of keys, for cheap checks that a key is absent.

use std::sync::Arc;

/// An approximate set of keys: a Bloom filter (Bloom, 1970) with one hash.
#[derive(Debug, Default)]
pub(crate) struct KeyFilter([u64; 16]);

impl KeyFilter {
    /// Adds `keys`. Returns whether one of them may have been in the set before. `false` is certain.
    #[inline]
    pub(crate) fn add(&mut self, keys: &[Arc<[u8]>]) -> bool {
        let mut was_there = false;
        for key in keys {
            let (word, bit) = Self::position(key);
            was_there |= self.0[word] & bit != 0;
            self.0[word] |= bit;
        }
        was_there
    }

    /// Whether one of `keys` may be in the set. `false` is certain.
    #[inline]
    pub(crate) fn may_contain(&self, keys: &[Arc<[u8]>]) -> bool {
        keys.iter().any(|key| {
            let (word, bit) = Self::position(key);
            self.0[word] & bit != 0
        })
    }

    /// Hashes the end of the key, where keys differ most.
    fn position(key: &[u8]) -> (usize, u64) {
        let end = match key.last_chunk() {
            Some(end) => u64::from_le_bytes(*end),
            None => key.iter().fold(0, |end, byte| end << 8 | u64::from(*byte)),
        };
        let spread = end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        ((spread >> 6) as usize, 1 << (spread & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_keys_are_always_found_and_others_rarely() {
        let key = |number: usize| {
            [Arc::<[u8]>::from(
                &*format!("resource {number}").into_bytes(),
            )]
        };
        let short = |number: usize| [Arc::<[u8]>::from(&number.to_le_bytes()[..2])];
        let mut filter = KeyFilter::default();
        for number in 0..16 {
            let _was_there = filter.add(&key(number));
            let _was_there = filter.add(&short(number));
            assert!(filter.add(&key(number)), "added twice");
        }
        for number in 0..16 {
            assert!(filter.may_contain(&key(number)) && filter.may_contain(&short(number)));
        }
        let found = (100..1_100).filter(|number| filter.may_contain(&key(*number)));
        assert!(
            found.count() < 100,
            "at most a thirty-second of the bits is set"
        );
    }
}
