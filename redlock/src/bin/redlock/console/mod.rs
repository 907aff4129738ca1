//! Results on stdout, and messages on stderr.

pub(crate) mod stderr;
pub(crate) mod table;
pub(crate) mod times;
pub(crate) mod tone;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Write as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::args::OutputArgs;
use crate::console::stderr::Stderr;
use crate::console::tone::Toned;
use crate::failure::Failure;

/// The outputs of the command.
#[derive(Debug)]
pub(crate) struct Console {
    quiet: bool,
    verbose: bool,
    json: bool,
}

impl Console {
    pub(crate) fn new(args: &OutputArgs) -> Self {
        Self {
            quiet: args.quiet,
            verbose: args.verbose > 0,
            json: args.json,
        }
    }

    /// Creates the console of a process that has no result of its own.
    pub(crate) fn of_errors(quiet: bool) -> Self {
        Self {
            quiet,
            verbose: false,
            json: false,
        }
    }

    /// Whether messages are silenced.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether results are printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether results may have colours: only on a terminal, and not with `NO_COLOR`.
    pub(crate) fn has_colours(&self) -> bool {
        let is_off = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        !self.json && !is_off && io::stdout().is_terminal()
    }

    /// Prints a result to stdout: the text, or the JSON object on one line.
    ///
    /// # Errors
    ///
    /// If stdout is closed. Most callers ignore that: the exit code carries the result too.
    pub(crate) fn result(
        &self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> Value,
    ) -> io::Result<()> {
        match self.json {
            true => Self::print_result(&line_of(&json())),
            false => Self::print_result(&text()),
        }
    }

    /// Prints a result to stdout: the lines, in colours where they may have them, or the JSON object on
    /// one line.
    ///
    /// # Errors
    ///
    /// If stdout is closed.
    pub(crate) fn toned_result(
        &self,
        lines: impl FnOnce() -> Vec<Toned>,
        json: impl FnOnce() -> Value,
    ) -> io::Result<()> {
        if self.json {
            return Self::print_result(&line_of(&json()));
        }
        let has_colours = self.has_colours();
        let lines = lines();
        let shown: String = lines.iter().map(|it| it.shown(has_colours)).collect();
        write(&shown)
    }

    /// Prints a text to stdout, without control characters other than line breaks.
    pub(crate) fn print_result(text: &str) -> io::Result<()> {
        write(&without_control(text))
    }

    /// Whether stdout may still have a reader. A pipe says so without being written to.
    pub(crate) fn has_reader() -> bool {
        let stdout = io::stdout();
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        let now = Timespec::default();
        let is_known = poll(&mut polled, Some(&now)).is_ok();
        let [stdout] = polled;
        !(is_known && stdout.revents().contains(PollFlags::ERR))
    }

    /// Whether stdout is a terminal, where a text can stay in place and change.
    pub(crate) fn is_live(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Prints a text in the place of everything on the terminal.
    pub(crate) fn redraw(text: &str) -> io::Result<()> {
        let text = without_control(text).replace('\n', "\u{1b}[K\n");
        write(&format!("\u{1b}[H{text}\u{1b}[J"))
    }

    /// Prints one line to stderr, unless `--quiet` is given.
    pub(crate) fn print(&self, line: &str) {
        if !self.quiet {
            let line = format!("{}\n", without_control(line));
            // A closed stderr is no reason to stop the work.
            Stderr.write_all(line.as_bytes()).ok();
        }
    }

    /// Prints a question to the terminal, even with `--quiet` or if stderr is a file.
    pub(crate) fn ask(question: &str) {
        let question = without_control(question);
        match File::options().write(true).open("/dev/tty") {
            Ok(mut terminal) => terminal.write_all(question.as_bytes()).ok(),
            Err(_) => io::stderr().write_all(question.as_bytes()).ok(),
        };
    }

    /// Prints what has happened to stderr, with `--verbose`.
    pub(crate) fn note(&self, event: impl FnOnce() -> String) {
        if self.verbose {
            self.print(&format!("redlock: {}", event()));
        }
    }

    /// Prints a warning to stderr.
    pub(crate) fn warn(&self, warning: &str) {
        self.print(&format!("redlock: warning: {warning}"));
    }

    /// Prints a failure to stderr, with the cause at each node.
    pub(crate) fn report(&self, failure: &Failure) {
        self.print(&failure.to_string());
    }

    /// Prints a failure as the result of a verb.
    pub(crate) fn fail(&self, failure: &Failure) {
        self.report(failure);
        if self.json {
            // The exit code carries the result too.
            Self::print_result(&line_of(&failure.json())).ok();
        }
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Returns JSON on a line, without any control character: JSON allows some of them in its strings.
pub(crate) fn line_of(json: &Value) -> String {
    let mut line = String::new();
    for character in json.to_string().chars() {
        if is_control(character) {
            _ = write!(line, "\\u{:04x}", u32::from(character));
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    line
}

/// Escapes all control characters of a text that others have chosen, so that it stays on its line.
pub(crate) fn on_one_line(text: &str) -> String {
    without_control(text).replace('\n', "\\n")
}

/// Whether a character controls the terminal, or the direction of the text around it.
fn is_control(character: char) -> bool {
    let is_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || is_direction
}

/// Escapes control characters other than line breaks. Servers and their other clients choose parts of
/// what is printed, and must not control the terminal.
pub(crate) fn without_control(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_control(character) && character != '\n' {
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
        let text = "ERR \u{1b}]0;title\u{7}\u{9b}31m\r\ttwo\u{202e}\nlines";
        let shown = "ERR \\u{1b}]0;title\\u{7}\\u{9b}31m\\r\\ttwo\\u{202e}\nlines";
        assert_eq!(without_control(text), shown);
        let json = serde_json::json!({ "error": text });
        let line = line_of(&json);
        let (last, before) = line.as_bytes().split_last().unwrap();
        assert_eq!(*last, b'\n');
        assert!(!String::from_utf8_lossy(before).contains(is_control));
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json);
    }
}
