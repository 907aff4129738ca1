//! The arguments of `redlock lock`.

use clap::builder::NonEmptyStringValueParser;

use crate::args::times::milliseconds;

/// Acquire a lock and print its key
///
/// The lock is held until its validity ends or `redlock unlock NAME KEY` releases it. It is not
/// extended: use `redlock run` for work of unknown length.
#[derive(Debug, clap::Args)]
pub(crate) struct LockArgs {
    /// Number of retries after the first attempt; -1 to retry forever
    ///
    /// [default: 3, or one less than the attempts in REDLOCK_RETRY_COUNT]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i64).range(-1..i64::from(u32::MAX)))]
    pub(crate) retry_count: Option<i64>,

    /// Longest pause between two attempts, in milliseconds; pauses are random, and at least half as long
    ///
    /// [default: 200, or the duration in REDLOCK_RETRY_DELAY]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    #[arg(value_parser = milliseconds)]
    pub(crate) retry_delay: Option<u64>,

    /// Name of the lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// Validity of the lock, in milliseconds; at most the duration in REDLOCK_MAX_TTL, or 60000
    #[arg(value_name = "VALIDITY_MS", allow_negative_numbers = true)]
    #[arg(value_parser = milliseconds)]
    pub(crate) validity: u64,
}
