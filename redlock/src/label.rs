//! The label of a holder: a text for people.

use std::sync::Arc;

/// The maximum length of a label, in bytes. It is stored for every lock, and shown in one line.
pub(crate) const MAX_LEN: usize = 128;

/// Reads a label that a node has returned. `None` if no manager can have set it.
pub(crate) fn read(bytes: &[u8]) -> Option<Arc<str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_valid = !text.is_empty() && text.len() <= MAX_LEN;
    is_valid.then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labels_that_can_be_set_are_read() {
        assert_eq!(read("wörker 1".as_bytes()).as_deref(), Some("wörker 1"));
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\xff"), None);
        assert!(read(&[b'x'; MAX_LEN]).is_some());
        assert_eq!(read(&[b'x'; MAX_LEN + 1]), None);
    }
}
