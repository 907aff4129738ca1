//! The command line of `redlock`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};

/// Distributed locks on a quorum of independent Redis or Valkey servers.
#[derive(Debug, Parser)]
#[command(name = "redlock", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) nodes: NodeArgs,

    /// Print nothing to stderr; the exit code and stdout carry the result
    #[arg(long)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The options that concern the nodes.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// URL of a node; repeat for each node
    ///
    /// All processes that share a lock need the same nodes. Keep passwords in REDLOCK_NODES: other
    /// users can see the arguments of a command.
    ///
    /// [default: the URLs in REDLOCK_NODES, separated by commas, or redis://localhost:6379/0]
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Vec<String>,

    /// Prefix of every key on the servers [default: the text in REDLOCK_KEY_PREFIX, or none]
    #[arg(long, value_name = "TEXT")]
    pub(crate) key_prefix: Option<String>,

    /// How long to wait for one node's response, such as 200ms
    ///
    /// [default: the duration in REDLOCK_NODE_TIMEOUT, or depends on the validity]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) node_timeout: Option<Duration>,
}

/// The verb and its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Lock(LockArgs),
    Unlock(UnlockArgs),
    Status(StatusArgs),
    Run(RunArgs),
}

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

/// Parses the command line, or prints the error and returns the exit code.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    Args::try_parse().map_err(|error| {
        let arguments = std::env::args_os().map(|it| it.to_string_lossy().into_owned());
        let text = without_credentials(&error.render().to_string(), arguments);
        // A failed write cannot be reported anywhere else.
        if error.use_stderr() {
            io::stderr().write_all(text.as_bytes()).ok();
        } else {
            io::stdout().write_all(text.as_bytes()).ok();
        }
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    })
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "write a number and a unit, as in 30s or 200ms")
}

fn milliseconds(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .map_err(|_| "write whole milliseconds without a unit, as in 30000 for 30s")
}

/// Masks every argument in a text that may contain a password. An error message quotes misplaced
/// arguments.
fn without_credentials(text: &str, arguments: impl Iterator<Item = String>) -> String {
    let value = |argument: &str| Some(argument.split_once('=')?.1.to_owned());
    let mut secrets: Vec<String> = arguments
        .flat_map(|argument| [value(&argument), Some(argument)])
        .flatten()
        .filter(|it| it.contains('@') || it.contains("://"))
        .collect();
    // The whole comes before its parts.
    secrets.sort_by_key(|it| std::cmp::Reverse(it.len()));
    let text = text.to_owned();
    secrets
        .iter()
        .fold(text, |text, it| text.replace(it, "***"))
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  not obtained: another process holds the lock
  2  invalid arguments or node addresses
  3  too few usable nodes, or the key holds something that is not a lock";

const RUN_EXIT_CODES: &str = "\
Exit codes:
  that of the command, or 128 plus the number of the signal that ended it
  1    another process still held the lock when the wait ended
  2    invalid arguments or node addresses
  3    too few usable nodes, or the key holds something that is not a lock
  4    the lock was lost while the command ran
  126  the command cannot be executed
  127  the command was not found";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn arguments_that_may_contain_a_password_are_masked() {
        let arguments = [
            "--redis=redis://user:p ss@a",
            "user:pw@b",
            "redis://:p",
            "name",
        ];
        let text = "no '--redis=redis://user:p ss@a', 'redis://user:p ss@a', 'redis://:p' or \
                    'user:pw@b' for 'name'";
        let shown = without_credentials(text, arguments.map(String::from).into_iter());
        assert_eq!(shown, "no '***', '***', '***' or '***' for 'name'");
    }
}
