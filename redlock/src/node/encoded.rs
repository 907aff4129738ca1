//! The bytes of a command that several nodes receive.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

/// The bytes of a command as the protocol of one kind of nodes has them. They are encoded for the first
/// node, and kept for the others.
#[derive(Debug)]
pub(crate) struct Encoded<T = Packed>(OnceLock<T>);

/// The bytes of an acquire, and the number of commands in them.
pub(crate) type Packed = (ShortBytes<232>, usize);

/// The words of a command of one key. Several such commands share a call, so the words of each part are
/// there by themselves.
#[derive(Debug)]
pub(crate) struct Words {
    /// The key, the key beside it, and the arguments, one behind the other.
    pub(crate) bytes: ShortBytes<128>,
    /// The ends of the first two.
    pub(crate) ends: [usize; 2],
}

/// Bytes, without an allocation of their own if they are not more than `N`.
pub(crate) enum ShortBytes<const N: usize> {
    Short(usize, [u8; N]),
    Long(Box<[u8]>),
}

impl<T> Encoded<T> {
    /// Returns the bytes, once they are encoded.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    /// Returns the bytes, which `encode` makes the first time.
    pub(crate) fn get_or(&self, encode: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(encode)
    }
}

impl<T> Default for Encoded<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// A copy may be changed, so it has no bytes yet.
impl<T> Clone for Encoded<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Words {
    pub(crate) fn key(&self) -> &[u8] {
        &self.bytes[..self.ends[0]]
    }

    /// The key beside it, if it is a part of the command.
    pub(crate) fn other(&self) -> &[u8] {
        &self.bytes[self.ends[0]..self.ends[1]]
    }

    /// Both keys.
    pub(crate) fn keys(&self) -> &[u8] {
        &self.bytes[..self.ends[1]]
    }

    pub(crate) fn arguments(&self) -> &[u8] {
        &self.bytes[self.ends[1]..]
    }
}

impl<const N: usize> From<&[u8]> for ShortBytes<N> {
    fn from(bytes: &[u8]) -> Self {
        let mut short = [0; N];
        match short.get_mut(..bytes.len()) {
            Some(start) => {
                start.copy_from_slice(bytes);
                Self::Short(bytes.len(), short)
            }
            None => Self::Long(bytes.into()),
        }
    }
}

impl<const N: usize> Deref for ShortBytes<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => &bytes[..*length],
            Self::Long(bytes) => bytes,
        }
    }
}

impl<const N: usize> fmt::Debug for ShortBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_whether_they_are_short_or_not() {
        for length in [0, 1, 7, 8, 9, 100] {
            let bytes = vec![b'a'; length];
            assert_eq!(*ShortBytes::<8>::from(&*bytes), *bytes);
        }
    }
}
