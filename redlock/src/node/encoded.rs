//! The bytes of a command that several nodes receive.

use std::sync::OnceLock;

/// The bytes of a command as the protocol of one kind of nodes has them. They are encoded for the first
/// node, and kept for the others.
#[derive(Debug, Default)]
pub(crate) struct Encoded(OnceLock<Packed>);

/// Bytes, and the number of commands in them.
pub(crate) type Packed = (Box<[u8]>, usize);

impl Encoded {
    /// Returns the bytes, which `encode` makes the first time.
    pub(crate) fn get_or(&self, encode: impl FnOnce() -> Packed) -> &Packed {
        self.0.get_or_init(encode)
    }
}

/// A copy may be changed, so it has no bytes yet.
impl Clone for Encoded {
    fn clone(&self) -> Self {
        Self::default()
    }
}
