//! The arguments of `redlock unlock`.

use clap::builder::NonEmptyStringValueParser;

/// Release a lock
///
/// Succeeds even if the lock was not held, which stderr then reports.
#[derive(Debug, clap::Args)]
pub(crate) struct UnlockArgs {
    /// Name of the lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// Key that `redlock lock` or `redlock status` printed; `hex:` begins the digits of one that is not
    /// text
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key: String,
}
