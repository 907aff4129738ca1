//! Values on the command line.

use std::time::Duration;

/// Parses a duration with a unit, or whole milliseconds.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    if let Ok(milliseconds) = text.parse() {
        return Ok(Duration::from_millis(milliseconds));
    }
    humantime::parse_duration(text)
        .map_err(|_| "write a duration, as in 30s, or whole milliseconds")
}

/// Parses the words that the environment has for a switch.
pub(crate) fn switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err("write on or off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_duration_in_milliseconds() {
        let cases = [("30s", 30_000), ("1m 30s", 90_000), ("0", 0), ("250", 250)];
        for (text, milliseconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        for text in ["", "soon", "-5", "1,5s", "1.5", "30 x"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
