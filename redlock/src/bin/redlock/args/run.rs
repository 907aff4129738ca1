//! The arguments of `redlock run`.

use std::ffi::OsString;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::NonEmptyStringValueParser;

use crate::args::values::duration;

/// Run a command while holding a lock
///
/// The lock is extended until the command and all processes that it started have ended, and then
/// released. The exit code is that of the command.
///
/// If the lock is lost, the command receives SIGTERM, and SIGKILL after the grace period. So do the
/// processes that it started, on Linux also those that have left its process group. If the nodes do
/// not respond, this begins before the lock ends, and SIGKILL is sent before others may acquire it.
/// If the lock was released by another process, or redlock itself was paused for too long, the work
/// overlaps with that of the next holder by the grace period at most.
///
/// The command leads its own process group, which gets the terminal as from a shell. Signals sent to
/// redlock are forwarded to the group. Ctrl-Z stops redlock too, which then cannot extend the lock. If
/// the lock is lost by the time that the job is continued, the stopped processes are killed.
///
/// On Linux, the command ends if redlock is killed with SIGKILL.
///
/// The environment of the command has the lock's name in REDLOCK_RESOURCE, its key in
/// REDLOCK_LEASE_ID and its fencing token, unless REDLOCK_FENCING is off, in REDLOCK_TOKEN.
/// REDLOCK_NODES is removed if it has a password: see --pass-nodes.
#[derive(Debug, clap::Args)]
#[command(after_help = RUN_EXIT_CODES)]
pub(crate) struct RunArgs {
    /// Shortest time to hold the lock, even if the command ends sooner; at most REDLOCK_MAX_TTL, or
    /// 60s
    ///
    /// For jobs that several machines start at about the same time. If redlock is killed, the
    /// nodes keep the lock for its ttl.
    #[arg(long, value_name = "DURATION")]
    #[arg(default_value = "0s", value_parser = duration)]
    pub(crate) hold_at_least: Duration,

    /// What to do if another process still holds the lock when the wait ends
    #[arg(long, value_name = "ACTION", value_enum, default_value_t = OnBusy::Fail)]
    pub(crate) on_busy: OnBusy,

    /// Exit code if another process still holds the lock when the wait ends
    #[arg(long, value_name = "N", default_value_t = BUSY, conflicts_with = "on_busy")]
    pub(crate) busy_exit_code: u8,

    /// How long the command may take to end after the lock is lost
    ///
    /// If the nodes do not respond, a quarter of the ttl at most.
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    #[arg(value_parser = duration)]
    pub(crate) grace: Duration,

    /// Release the lock when the command ends, even if processes that it started still run
    #[arg(long)]
    pub(crate) leave_descendants: bool,

    /// Leave REDLOCK_NODES in the command's environment even if it has a password
    #[arg(long)]
    pub(crate) pass_nodes: bool,

    /// Name of the lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// Command to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Exit code of `run`: the arguments or the node addresses are invalid.
pub(crate) const USAGE: u8 = 115;

/// What `run` does if the lock is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnBusy {
    /// Report it and exit with the code for it
    Fail,
    /// Exit with 0 and print nothing: the work is done elsewhere
    Skip,
}

/// The exit code of `run` for a busy lock, unless it is configured.
const BUSY: u8 = 112;

const RUN_EXIT_CODES: &str = "\
Exit codes:
  that of the command; redlock ends with the signal that ended it, which shells show as 128 plus
  its number
  112  busy: another process still held the lock when the wait ended (--busy-exit-code)
  113  no quorum: too few usable nodes, or the key holds something that is not a lock
  114  lost: the lock was lost while the command ran
  115  usage: invalid arguments, variables or node addresses
  126  the command cannot be executed
  127  the command was not found
  128 plus the number of a signal that ended the wait for the lock, as shells show it

Commands use none of 112 to 115 by accident: BSD programs exit with 64 to 78, Rust panics with
101, timeout, env and xargs with 123 to 127, shells with 128 and above. flock exits with 1 for a
busy lock, as most commands do when they fail: --busy-exit-code 1 does the same.";
