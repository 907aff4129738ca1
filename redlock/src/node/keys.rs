//! The keys of one lease.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock};

use crate::one_or_many::OneOrMany;

/// The keys of one lease: one, or several that are acquired and released together.
///
/// Several keys are sorted by their bytes and contain no duplicates. A clone copies a reference or
/// two.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Keys {
    keys: OneOrMany<Arc<[u8]>>,
    /// The hash of the first key, made once for all tables that need it.
    hash: u64,
}

/// A key with its hash, for a [`HashedMap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HashedKey {
    hash: u64,
    key: Arc<[u8]>,
}

/// A map whose keys bring their hash along.
pub(crate) type HashedMap<K, V> = HashMap<K, V, BuildHasherDefault<PassOn>>;

/// A hasher that returns the hash it is given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PassOn(u64);

/// Returns the hash of a key. It depends on random numbers of this process, so that keys with the same
/// hash cannot be chosen.
pub(crate) fn hash(key: &[u8]) -> u64 {
    static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    HASHER.hash_one(key)
}

impl Keys {
    /// Returns the keys, of which there is at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[Arc<[u8]>] {
        self.keys.as_slice()
    }

    /// Returns the key, if there is only one.
    #[must_use]
    pub fn as_one(&self) -> Option<&Arc<[u8]>> {
        self.keys.as_one()
    }

    /// Iterates over the keys.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<[u8]>> {
        self.keys.iter()
    }

    /// Returns the hash of the first key, which stands for all.
    pub(crate) fn first_hash(&self) -> u64 {
        self.hash
    }

    /// Returns the hash of each key.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = u64> {
        let rest = self.as_slice().iter().skip(1);
        std::iter::once(self.hash).chain(rest.map(|key| hash(key)))
    }

    /// Returns each key with its hash.
    pub(crate) fn hashed(&self) -> OneOrMany<HashedKey> {
        let first = self.keys.first();
        self.keys.map(|key| HashedKey {
            hash: if Arc::ptr_eq(key, first) {
                self.hash
            } else {
                hash(key)
            },
            key: Arc::clone(key),
        })
    }
}

impl Hash for HashedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Hasher for PassOn {
    fn write(&mut self, bytes: &[u8]) {
        // No table has such keys. A hash of them would not be wrong, only slow.
        self.0 = hash(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl From<Arc<[u8]>> for Keys {
    fn from(key: Arc<[u8]>) -> Self {
        OneOrMany::from(key).into()
    }
}

impl From<OneOrMany<Arc<[u8]>>> for Keys {
    fn from(keys: OneOrMany<Arc<[u8]>>) -> Self {
        Self {
            hash: hash(keys.first()),
            keys,
        }
    }
}

/// Sorts the keys and removes duplicates.
impl TryFrom<Vec<Arc<[u8]>>> for Keys {
    type Error = NoKeys;

    fn try_from(keys: Vec<Arc<[u8]>>) -> Result<Self, NoKeys> {
        OneOrMany::of(keys).map(Self::from).ok_or(NoKeys)
    }
}

impl<'a> IntoIterator for &'a Keys {
    type Item = &'a Arc<[u8]>;
    type IntoIter = std::slice::Iter<'a, Arc<[u8]>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = self.iter().map(|key| key.escape_ascii().to_string());
        f.debug_list().entries(escaped).finish()
    }
}

/// An attempt to create [`Keys`] without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no keys: a command needs at least one")]
#[allow(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct NoKeys;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Arc<[u8]> {
        text.as_bytes().into()
    }

    #[test]
    fn keys_are_sorted_and_deduplicated() {
        let keys = Keys::try_from(vec![key("b"), key("a"), key("b")]).unwrap();
        assert_eq!(keys.as_slice(), [key("a"), key("b")]);
        assert_eq!(keys.as_one(), None);
    }

    #[test]
    fn each_key_has_the_same_hash_wherever_it_comes_from() {
        let keys = Keys::try_from(vec![key("a"), key("b")]).unwrap();
        let mut map = HashedMap::default();
        for (number, key) in keys.hashed().iter().enumerate() {
            map.insert(key.clone(), number);
        }
        for (number, name) in ["a", "b"].into_iter().enumerate() {
            let one = Keys::from(key(name)).hashed();
            assert_eq!(map.get(one.first()), Some(&number));
        }
        let other = Keys::from(key("c"));
        assert_eq!(map.get(other.hashed().first()), None);
        assert_eq!(keys.first_hash(), Keys::from(key("a")).first_hash());
        assert!(keys.hashes().eq([hash(b"a"), hash(b"b")]));
        assert_ne!(keys.first_hash(), other.first_hash());
    }

    #[test]
    fn duplicates_of_one_key_are_one_key() {
        let keys = Keys::try_from(vec![key("a"), key("a")]).unwrap();
        assert_eq!(keys, Keys::from(key("a")));
        assert_eq!(keys.as_one(), Some(&key("a")));
        assert_eq!(Keys::try_from(Vec::new()), Err(NoKeys));
    }
}
