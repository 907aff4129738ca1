//! The random value that proves ownership on a node.

use std::convert::Infallible;
use std::fmt;
use std::fmt::Write as _;
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
/// Text and bytes convert into a lease id. A lease of another process or another library can thus be
/// [released](crate::Redlock::unlock) or [adopted](crate::Redlock::adopt), even if its id is not text.
///
/// `Display` shows printable text as it is, and any other id as `hex:` and two digits for each byte.
/// `FromStr` reads both forms.
///
/// # Examples
///
/// ```
/// use redlock::LeaseId;
///
/// let text = LeaseId::from("fa1c0ffee");
/// assert_eq!(text.as_str(), Some("fa1c0ffee"));
///
/// let bytes = LeaseId::from(&[0xff, 0x00]);
/// assert_eq!(bytes.as_str(), None);
/// assert_eq!(bytes.to_string(), "hex:ff00");
/// assert_eq!("hex:ff00".parse(), Ok(bytes));
/// ```
#[derive(Clone)]
pub struct LeaseId(Repr);

#[derive(Clone)]
enum Repr {
    /// Drawn here. Stored inline, because every round draws one.
    Drawn([u8; LeaseId::LEN]),
    /// Passed in by a caller, of any length.
    Given(Arc<[u8]>),
}

impl LeaseId {
    const LEN: usize = 40;

    /// Draws a new id. Never from a seed: two managers with the same seed would own each other's
    /// leases.
    pub(crate) fn draw() -> Self {
        let bytes = random::bytes::<{ Self::LEN / 2 }>();
        Self(Repr::Drawn(random::hex(bytes)))
    }

    /// The bytes of the key's value.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Drawn(text) => text,
            Repr::Given(bytes) => bytes,
        }
    }

    /// The id, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// Whether the id has the form of one that was drawn, so that no other lease ever has it. Other
    /// libraries may use the same value for one lock after another.
    pub(crate) fn is_unique(&self) -> bool {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let bytes = self.as_bytes();
        bytes.len() == Self::LEN && bytes.iter().all(is_digit)
    }

    /// Returns the id if it can be shown as it is: it is text, it is harmless on a terminal, and
    /// parsing it gives the same id.
    fn as_shown(&self) -> Option<&str> {
        self.as_str().filter(|text| {
            !text.is_empty() && text.chars().all(is_printable) && from_hex(text).is_none()
        })
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
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.as_shown() {
            return f.pad(text);
        }
        let mut digits = String::from(HEX_PREFIX);
        for byte in self.as_bytes() {
            write!(digits, "{byte:02x}")?;
        }
        f.pad(&digits)
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseId({self})")
    }
}

impl From<&Self> for LeaseId {
    fn from(value: &Self) -> Self {
        value.clone()
    }
}

impl<const N: usize> From<&[u8; N]> for LeaseId {
    fn from(value: &[u8; N]) -> Self {
        value.as_slice().into()
    }
}

/// Implements `From` for the types of text and bytes that callers usually have.
macro_rules! from_bytes {
    ($($source:ty => |$value:ident| $bytes:expr;)+) => {$(
        impl From<$source> for LeaseId {
            fn from($value: $source) -> Self {
                Self(Repr::Given($bytes.into()))
            }
        }
    )+};
}

from_bytes! {
    &str => |value| value.as_bytes();
    String => |value| value.into_bytes();
    &String => |value| value.as_bytes();
    &[u8] => |value| value;
    Vec<u8> => |value| value;
    &Vec<u8> => |value| value.as_slice();
}

/// Reads what `Display` shows. `From<&str>` takes every text as it is.
impl FromStr for LeaseId {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(from_hex(text).map_or_else(|| text.into(), Self::from))
    }
}

/// Whether a terminal shows the character, and does nothing else: it is no control character, and
/// none that hides or reorders others.
fn is_printable(character: char) -> bool {
    matches!(character, '\'' | '"' | '\\') || character.escape_debug().len() == 1
}

/// Reads the form of ids that cannot be shown as they are.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix(HEX_PREFIX)?.as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let bytes = pairs.iter().map(|[high, low]| {
        let value = digit(*high)? * 16 + digit(*low)?;
        u8::try_from(value).ok()
    });
    bytes.collect()
}

/// The beginning of an id that cannot be shown as it is.
const HEX_PREFIX: &str = "hex:";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn drawn_ids_are_forty_hex_digits_and_do_not_repeat() {
        let ids: HashSet<_> = (0..10_000).map(|_| LeaseId::draw()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in &ids {
            assert_eq!(id.as_bytes().len(), 40);
            assert!(id.as_bytes().iter().all(u8::is_ascii_hexdigit));
        }
    }

    #[test]
    fn text_and_bytes_convert_to_the_same_id() {
        let expected = LeaseId::from("id");
        assert_eq!(LeaseId::from(String::from("id")), expected);
        assert_eq!(LeaseId::from(&String::from("id")), expected);
        assert_eq!(LeaseId::from(b"id"), expected);
        assert_eq!(LeaseId::from(b"id".as_slice()), expected);
        assert_eq!(LeaseId::from(b"id".to_vec()), expected);
        assert_eq!(LeaseId::from(&b"id".to_vec()), expected);
        assert_eq!(LeaseId::from(&expected), expected);
        let drawn = LeaseId::draw();
        let same = LeaseId::from(drawn.as_bytes());
        assert_eq!(HashSet::from([drawn]), HashSet::from([same]));
    }

    #[test]
    fn printable_text_is_shown_as_it_is() {
        let texts = [
            "fa1c0ffee",
            "b'9MJb'",
            "a \"b\" \\",
            "ü 鍵 🔒",
            "hex",
            "hex:f",
            "hex:fg",
        ];
        for text in texts {
            let id = LeaseId::from(text);
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
        let drawn = LeaseId::draw();
        assert_eq!(Some(drawn.to_string().as_str()), drawn.as_str());
        assert_eq!(format!("{:>4}|", LeaseId::from("id")), "  id|");
    }

    #[test]
    fn other_ids_are_shown_in_hex_and_read_back() {
        let shown = [
            (&b""[..], "hex:"),
            (b"\xff\x00", "hex:ff00"),
            (b"\x1b[31m", "hex:1b5b33316d"),
            (b"a\nb", "hex:610a62"),
            // Text that looks like the other form.
            (b"hex:ff", "hex:6865783a6666"),
            ("\u{202e}".as_bytes(), "hex:e280ae"),
            ("\u{9b}".as_bytes(), "hex:c29b"),
        ];
        for (bytes, text) in shown {
            let id = LeaseId::from(bytes);
            assert_eq!(id.to_string(), text);
            assert_eq!(format!("{id:?}"), format!("LeaseId({text})"));
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn what_is_shown_has_no_control_characters_and_parses_back() {
        // The planes beyond the first have tags that are not shown, at the end of this range.
        for character in ('\0'..='\u{ffff}').chain('\u{e0000}'..='\u{e01ff}') {
            let id = LeaseId::from(character.to_string());
            let shown = id.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
            assert_eq!(shown.parse(), Ok(id));
        }
        for byte in 0..=u8::MAX {
            let id = LeaseId::from([byte; 20].as_slice());
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
