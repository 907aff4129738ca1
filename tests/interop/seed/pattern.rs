//! Patterns for the output of commands.

/// Whether lines match patterns, of which `...` stands for any number of lines.
pub(crate) fn matches_lines(patterns: &[String], lines: &[&str]) -> bool {
    match patterns {
        [] => lines.is_empty(),
        [first, rest @ ..] if first == "..." => {
            (0..=lines.len()).any(|skipped| matches_lines(rest, &lines[skipped..]))
        }
        [first, rest @ ..] => lines
            .split_first()
            .is_some_and(|(line, lines)| matches(first, line) && matches_lines(rest, lines)),
    }
}

/// Whether a text matches a pattern: `*` stands for any text, `KEY` for letters and digits.
fn matches(pattern: &str, text: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix('*') {
        return ends(text).any(|end| matches(rest, &text[end..]));
    }
    if let Some(rest) = pattern.strip_prefix("KEY") {
        let is_key =
            |key: &str| !key.is_empty() && key.bytes().all(|it| it.is_ascii_alphanumeric());
        return ends(text).any(|end| is_key(&text[..end]) && matches(rest, &text[end..]));
    }
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some(expected), Some(found)) if expected == found => {
            let length = expected.len_utf8();
            matches(&pattern[length..], &text[length..])
        }
        _ => false,
    }
}

/// Returns the positions at which the text can be split.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    let starts = text.char_indices().map(|(start, _)| start);
    starts.chain([text.len()])
}

#[test]
fn patterns_match_whole_lines() {
    let cases = [
        ("ok", "ok", true),
        ("ok", "ok.", false),
        ("*ok*", "is ok.", true),
        ("größe*", "größe ☃", true),
        ("KEY", "9f86d081", true),
        ("KEY", "b'9f86d081'", false),
        ("*KEY*", "b'9f86d081'", true),
        ("b'KEY'", "b''", false),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(matches(pattern, text), expected, "{pattern}: {text}");
    }
}

#[test]
fn dots_match_any_number_of_lines() {
    let patterns = |lines: &[&str]| {
        lines
            .iter()
            .map(|&line| line.to_owned())
            .collect::<Vec<_>>()
    };
    let around = patterns(&["...", "b", "..."]);
    assert!(matches_lines(&around, &["a", "a", "b"]));
    assert!(matches_lines(&around, &["b"]));
    assert!(!matches_lines(&around, &["a"]));
    assert!(!matches_lines(&patterns(&["a"]), &["a", "b"]));
    assert!(!matches_lines(&[], &["a"]));
}
