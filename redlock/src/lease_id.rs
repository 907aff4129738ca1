//! The random value that proves ownership on a node.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::random;

/// The value of the key: it proves ownership of the lease.
///
/// Every round draws a new id: 20 random bytes from the operating system, written as 40 hexadecimal
/// characters. An id is never reused, and never chosen by a caller. A late release of one round can
/// therefore never delete the key of another, not even that of a
/// [forked process](crate::guide::operations#forking).
///
/// Text converts into a lease id. A lease of another process or another library can thus be
/// [released](crate::Redlock::unlock) or [adopted](crate::Redlock::adopt).
///
/// # Examples
///
/// ```
/// use redlock::LeaseId;
///
/// let id = LeaseId::from("fa1c0ffee");
/// assert_eq!(id.as_str(), "fa1c0ffee");
/// ```
#[derive(Clone)]
pub struct LeaseId(Repr);

#[derive(Clone)]
enum Repr {
    /// Drawn here. Stored inline, because every round draws one.
    Drawn([u8; LeaseId::LEN]),
    /// Passed in by a caller, of any length.
    Given(Arc<str>),
}

impl LeaseId {
    const LEN: usize = 40;

    /// Draws a new id. Never from a seed: two managers with the same seed would own each other's
    /// leases.
    pub(crate) fn draw() -> Self {
        let bytes = random::bytes::<{ Self::LEN / 2 }>();
        Self(Repr::Drawn(random::hex(bytes)))
    }

    /// The id as the bytes of the key's value.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Drawn(text) => text,
            Repr::Given(text) => text.as_bytes(),
        }
    }

    /// The id as text, as it is stored in the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Hexadecimal digits are UTF-8, so the default is never used.
            Repr::Drawn(text) => std::str::from_utf8(text).unwrap_or_default(),
            Repr::Given(text) => text,
        }
    }
}

impl PartialEq for LeaseId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for LeaseId {}

impl std::hash::Hash for LeaseId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseId({})", self.as_str())
    }
}

impl From<&str> for LeaseId {
    fn from(value: &str) -> Self {
        Self(Repr::Given(value.into()))
    }
}

impl From<String> for LeaseId {
    fn from(value: String) -> Self {
        Self(Repr::Given(value.into()))
    }
}

impl From<&Self> for LeaseId {
    fn from(value: &Self) -> Self {
        value.clone()
    }
}

impl FromStr for LeaseId {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn drawn_ids_are_forty_hex_digits_and_do_not_repeat() {
        let ids: HashSet<_> = (0..10_000).map(|_| LeaseId::draw()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in &ids {
            assert_eq!(id.as_str().len(), 40);
            assert!(id.as_str().bytes().all(|it| it.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn an_id_converts_to_text_and_back() {
        let id = LeaseId::draw();
        assert_eq!(LeaseId::from(id.to_string()), id);
        assert_eq!(id.as_str().parse::<LeaseId>(), Ok(id));
    }
}
