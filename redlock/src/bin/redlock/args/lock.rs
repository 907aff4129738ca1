//! The arguments of `redlock lock`.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;

use crate::args::values::duration;

/// Acquire a lock and print its key
///
/// The lock is held until its validity ends or `redlock unlock NAME KEY` releases it. It is not
/// extended: use `redlock run` for work of unknown length.
#[derive(Debug, clap::Args)]
pub(crate) struct LockArgs {
    /// Name of the lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// Validity of the lock, in milliseconds or as in 30s; at most the duration in REDLOCK_MAX_TTL, or
    /// 60s
    #[arg(value_name = "VALIDITY", allow_negative_numbers = true, value_parser = duration)]
    pub(crate) validity: Duration,
}
