//! The keys of one lease.

use std::fmt;
use std::sync::Arc;

use crate::one_or_many::OneOrMany;

/// The keys of one lease: one, or several that are acquired and released together.
///
/// Several keys are sorted by their bytes and contain no duplicates. A clone copies a reference or
/// two.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Keys(OneOrMany<Arc<[u8]>>);

impl Keys {
    /// Returns the keys, of which there is at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[Arc<[u8]>] {
        self.0.as_slice()
    }

    /// Returns the key, if there is only one.
    #[must_use]
    pub fn as_one(&self) -> Option<&Arc<[u8]>> {
        self.0.as_one()
    }

    /// Iterates over the keys.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<[u8]>> {
        self.0.iter()
    }
}

impl From<Arc<[u8]>> for Keys {
    fn from(key: Arc<[u8]>) -> Self {
        Self(key.into())
    }
}

impl From<OneOrMany<Arc<[u8]>>> for Keys {
    fn from(keys: OneOrMany<Arc<[u8]>>) -> Self {
        Self(keys)
    }
}

/// Sorts the keys and removes duplicates.
impl TryFrom<Vec<Arc<[u8]>>> for Keys {
    type Error = NoKeys;

    fn try_from(keys: Vec<Arc<[u8]>>) -> Result<Self, NoKeys> {
        OneOrMany::of(keys).map(Self).ok_or(NoKeys)
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
    fn duplicates_of_one_key_are_one_key() {
        let keys = Keys::try_from(vec![key("a"), key("a")]).unwrap();
        assert_eq!(keys, Keys::from(key("a")));
        assert_eq!(keys.as_one(), Some(&key("a")));
        assert_eq!(Keys::try_from(Vec::new()), Err(NoKeys));
    }
}
