//! Messages on stderr, next to the result on stdout.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use crate::failure::Failure;

/// The output for messages: stderr, or none with `--quiet`.
#[derive(Debug)]
pub(crate) struct Console {
    quiet: bool,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Prints one line.
    pub(crate) fn print(&self, line: &str) {
        if !self.quiet {
            // A closed stderr is no reason to stop the work.
            writeln!(io::stderr(), "{}", without_control(line)).ok();
        }
    }

    /// Prints a failure, with the cause at each node.
    pub(crate) fn report(&self, failure: &Failure) {
        self.print(&failure.to_string());
    }
}

/// Escapes control characters other than line breaks. Servers and their other clients choose parts of
/// what is printed, and must not control the terminal.
pub(crate) fn without_control(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            _ = write!(shown, "{}", character.escape_debug());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_control_the_terminal() {
        let text = "ERR \u{1b}]0;title\u{7}\u{9b}31m\r\ttwo\nlines";
        let shown = "ERR \\u{1b}]0;title\\u{7}\\u{9b}31m\\r\\ttwo\nlines";
        assert_eq!(without_control(text), shown);
    }
}
