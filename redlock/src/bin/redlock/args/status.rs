//! The arguments of `redlock status`.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;

use crate::args::values::duration;

/// Show who holds locks, and for how long
///
/// Exits with 0 if the lock is held, 1 if it is free, 5 if it is taken but no holder has a quorum, 3 if
/// the key holds something that is not a lock, or too few nodes with a vote responded to decide. Of
/// several locks, the state that comes last in this order counts: held, free, taken, undecided.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Names of the locks
    #[arg(required = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) names: Vec<String>,

    /// Show changes until a signal ends it
    ///
    /// On a terminal a table stays in place. Elsewhere a lock is printed when its holder changes.
    #[arg(long)]
    pub(crate) watch: bool,

    /// Time between two looks with --watch
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub(crate) interval: Duration,
}
