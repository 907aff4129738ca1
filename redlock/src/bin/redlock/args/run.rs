//! The arguments of `redlock run`.

use std::ffi::OsString;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;

use crate::args::values::duration;

/// Run a command while holding a lock
///
/// The lock is extended until the command ends, and then released. If the lock is lost first, the
/// command receives SIGTERM, and SIGKILL after the grace period. Signals sent to redlock are
/// forwarded to the command.
///
/// The environment of the command has the lock's name in REDLOCK_RESOURCE, its key in
/// REDLOCK_LEASE_ID and its fencing token, unless REDLOCK_FENCING is off, in REDLOCK_TOKEN.
///
/// Unless redlock was started from a terminal, the command runs in its own process group, and
/// signals go to the whole group.
#[derive(Debug, clap::Args)]
#[command(after_help = RUN_EXIT_CODES)]
pub(crate) struct RunArgs {
    /// How long the nodes keep the lock if redlock dies; at most REDLOCK_MAX_TTL, or 60s
    ///
    /// [default: the duration in REDLOCK_TTL, or 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) ttl: Option<Duration>,

    /// How long to wait for the lock; 0 to try once
    ///
    /// [default: the duration in REDLOCK_WAIT, or 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,

    /// Shortest time to hold the lock, even if the command ends sooner; at most REDLOCK_MAX_TTL, or
    /// 60s
    ///
    /// For jobs that several machines start at about the same time. If redlock is killed, the
    /// nodes keep the lock for its ttl.
    #[arg(long, value_name = "DURATION")]
    #[arg(default_value = "0s", value_parser = duration)]
    pub(crate) hold_at_least: Duration,

    /// How long the command may take to end after the lock is lost
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    #[arg(value_parser = duration)]
    pub(crate) grace: Duration,

    /// Name of the lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// Command to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Exit code of `run`: the arguments or the node addresses are invalid.
pub(crate) const USAGE: u8 = 2;

const RUN_EXIT_CODES: &str = "\
Exit codes:
  that of the command, or 128 plus the number of the signal that ended it
  1    another process still held the lock when the wait ended
  2    invalid arguments or node addresses
  3    too few usable nodes, or the key holds something that is not a lock
  4    the lock was lost while the command ran
  126  the command cannot be executed
  127  the command was not found";
