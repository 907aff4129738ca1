//! Text of a server, quoted in an error.

use std::sync::Arc;

/// Returns a text in one line: line breaks and other characters that control how text is shown are
/// escaped. A log then has one line per event, whatever a server responds.
pub(crate) fn quoted(text: impl Into<Arc<str>>) -> Arc<str> {
    let text = text.into();
    if !text.contains(is_controlling) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_controlling(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// Whether a character breaks lines, controls a terminal, or changes the direction of text.
fn is_controlling(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_controlling_characters_are_escaped() {
        for (text, expected) in [
            (
                "ERR unknown command 'a\\b', ü",
                "ERR unknown command 'a\\b', ü",
            ),
            (
                "Parse error at 1\nUnexpected",
                "Parse error at 1\\nUnexpected",
            ),
            ("a\r\n\t\u{1b}[2J\0", "a\\r\\n\\t\\u{1b}[2J\\u{0}"),
            ("a\u{2028}\u{202e}b\u{85}", "a\\u{2028}\\u{202e}b\\u{85}"),
            ("", ""),
        ] {
            let shown = quoted(text);
            assert_eq!(&*shown, expected);
            assert_eq!(quoted(Arc::clone(&shown)), shown, "it is escaped once");
        }
    }
}
