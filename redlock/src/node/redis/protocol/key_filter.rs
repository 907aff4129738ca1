//! Telling at little cost that keys are not among others.

use std::sync::Arc;

/// Which keys there are, roughly: `false` is certain (Bloom, 1970, with one hash).
#[derive(Debug, Default)]
pub(crate) struct KeyFilter([u64; 16]);

impl KeyFilter {
    pub(crate) fn add(&mut self, keys: &[Arc<[u8]>]) {
        for key in keys {
            let (word, bit) = Self::place(key);
            self.0[word] |= bit;
        }
    }

    pub(crate) fn may_have(&self, keys: &[Arc<[u8]>]) -> bool {
        keys.iter().any(|key| {
            let (word, bit) = Self::place(key);
            self.0[word] & bit != 0
        })
    }

    /// By the end of the key, in which keys differ most.
    fn place(key: &[u8]) -> (usize, u64) {
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
    fn what_was_added_is_never_missed_and_little_else_is_found() {
        let key = |number: usize| {
            [Arc::<[u8]>::from(
                &*format!("resource {number}").into_bytes(),
            )]
        };
        let short = |number: usize| [Arc::<[u8]>::from(&number.to_le_bytes()[..2])];
        let mut filter = KeyFilter::default();
        for number in 0..16 {
            filter.add(&key(number));
            filter.add(&short(number));
        }
        for number in 0..16 {
            assert!(filter.may_have(&key(number)) && filter.may_have(&short(number)));
        }
        let found = (100..1_100).filter(|number| filter.may_have(&key(*number)));
        assert!(found.count() < 100, "a thirty-second of it has been filled");
    }
}
