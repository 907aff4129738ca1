//! The arguments of `redlock extend`.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;

use crate::args::values::duration;

/// Extend a lock that `redlock lock` acquired
///
/// A lock that lasts longer already is not shortened. Exits with 1 if the lock is not held with the key
/// any more: the work that it protects must stop.
#[derive(Debug, clap::Args)]
pub(crate) struct ExtendArgs {
    /// Name of the lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// Key that `redlock lock` printed
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key: String,

    /// Validity from now on, in milliseconds or as in 30s; at most the duration in REDLOCK_MAX_TTL, or
    /// 60s
    #[arg(value_name = "VALIDITY", allow_negative_numbers = true, value_parser = duration)]
    pub(crate) validity: Duration,
}
