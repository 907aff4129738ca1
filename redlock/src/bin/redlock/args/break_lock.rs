//! The arguments of `redlock break`.

use clap::builder::NonEmptyStringValueParser;

/// Delete the lock of any holder, and show what it was
///
/// A holder that is alive notices only after a while, and until then works beside the next one: stop it
/// first, or make sure that what it writes to checks the fencing token. Tokens go on increasing. A key that
/// holds something that is not a lock is left alone.
///
/// If stdin is a terminal, the lock is shown there and a confirmation is asked for. Exits with 1 if there
/// was no lock, or the answer is no.
#[derive(Debug, clap::Args)]
pub(crate) struct BreakArgs {
    /// Do not ask for a confirmation
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// Name of the lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}
