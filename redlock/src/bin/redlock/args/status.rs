//! The arguments of `redlock status`.

use clap::builder::NonEmptyStringValueParser;

/// Show who holds a lock, and for how long
///
/// Exits with 0 if the lock is held, 1 if it is free, 5 if it is taken but no holder has a quorum, 3 if
/// the key holds something that is not a lock, or too few nodes with a vote responded to decide.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Name of the lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}
