//! Messages on stderr, next to the result on stdout.

use std::io::{self, Write};

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
            writeln!(io::stderr(), "{line}").ok();
        }
    }

    /// Prints a failure, with the cause at each node.
    pub(crate) fn report(&self, failure: &Failure) {
        self.print(&failure.to_string());
    }
}
