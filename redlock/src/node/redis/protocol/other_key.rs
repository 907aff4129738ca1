//! The names of the keys beside that of a lock.

use crate::node::redis::protocol::call::Word;

/// A key beside that of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OtherKey {
    /// The lock's counter.
    Counter,
    /// The lock's waiting list.
    WaitingList,
    /// The lock's key again, in place of a waiting list: the user may not access those, and the scripts
    /// leave this one alone.
    Same,
}

/// The name of a key beside that of a lock. It is written without an allocation.
///
/// In a cluster, they must share a slot. The other key therefore has the hash tag of the lock's key,
/// or else that whole key as its tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherName<'a> {
    key: &'a [u8],
    before: &'static [u8],
    behind: &'static [u8],
}

impl OtherKey {
    /// Returns the key that stands in the place of a waiting list.
    pub(super) fn list(lists_are_denied: bool) -> Self {
        if lists_are_denied {
            Self::Same
        } else {
            Self::WaitingList
        }
    }

    /// Returns the name of this key beside the lock's `key`.
    pub(super) fn beside(self, key: &[u8]) -> OtherName<'_> {
        let (tagged, whole): (&[u8], &[u8]) = match self {
            Self::Counter => (b":fence!", b"}:fence"),
            Self::WaitingList => (b":wait!", b"}:wait"),
            Self::Same => (b"", b""),
        };
        let has_brace = self == Self::Same || has_tag(key);
        let (before, behind): (&[u8], _) = if has_brace {
            (b"", tagged)
        } else {
            (b"{", whole)
        };
        OtherName {
            key,
            before,
            behind,
        }
    }
}

/// Whether a part of the key decides its slot.
fn has_tag(key: &[u8]) -> bool {
    let mut parts = key.splitn(2, |byte| *byte == b'{').skip(1);
    let tag = parts
        .next()
        .map(|rest| rest.iter().position(|byte| *byte == b'}'));
    tag.flatten().is_some_and(|length| length > 0)
}

impl Word for OtherName<'_> {
    fn len(&self) -> usize {
        self.before.len() + self.key.len() + self.behind.len()
    }

    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.before);
        bytes.extend_from_slice(self.key);
        bytes.extend_from_slice(self.behind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(other: OtherKey, key: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        other.beside(key).append(&mut bytes);
        bytes
    }

    #[test]
    fn a_waiting_list_shares_the_slot_of_its_key() {
        assert_eq!(name(OtherKey::WaitingList, b"a"), b"{a}:wait");
        assert_eq!(name(OtherKey::WaitingList, b"a{user}b"), b"a{user}b:wait!");
    }

    #[test]
    fn a_counter_shares_the_slot_of_its_key() {
        assert_eq!(name(OtherKey::Counter, b"a"), b"{a}:fence");
        assert_eq!(name(OtherKey::Counter, b"a{user}b"), b"a{user}b:fence!");
        assert_eq!(name(OtherKey::Counter, b"a{}b"), b"{a{}b}:fence");
        assert_eq!(name(OtherKey::Counter, b"a{b"), b"{a{b}:fence");
        assert_eq!(name(OtherKey::Counter, b"a{}{b}"), b"{a{}{b}}:fence");
    }

    #[test]
    fn a_user_without_waiting_lists_names_the_key_again() {
        assert_eq!(name(OtherKey::list(true), b"a"), b"a");
        assert_eq!(name(OtherKey::list(false), b"a"), b"{a}:wait");
    }
}
