//! What is said beside the result.

use std::io::{self, Write};

use crate::failure::Failure;

/// Stderr, or nothing.
#[derive(Debug)]
pub(crate) struct Console {
    quiet: bool,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Says one line.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            // Nobody listens, then: no reason to stop the work.
            writeln!(io::stderr(), "{line}").ok();
        }
    }

    /// Says what went wrong, and what each node had to do with it.
    pub(crate) fn report(&self, failure: &Failure) {
        self.say(&failure.to_string());
    }
}
