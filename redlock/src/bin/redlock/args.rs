//! What can be written behind `redlock`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};

/// Locks held by one process at a time across a fleet, on independent Redis or Valkey masters.
#[derive(Debug, Parser)]
#[command(name = "redlock", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) nodes: NodeArgs,

    /// Print nothing to stderr: the exit code tells, and stdout has the result
    #[arg(long)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Which nodes, and what to know about them.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// A node's URL; once for each node
    ///
    /// Everybody who shares a lock needs the same nodes. A password is better kept in
    /// REDLOCK_NODES, because other users can see the arguments of a command.
    ///
    /// [default: the URLs in REDLOCK_NODES, separated by commas, or redis://localhost:6379/0]
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Vec<String>,

    /// What stands before every name in the keys on the servers
    #[arg(
        long,
        value_name = "TEXT",
        env = "REDLOCK_KEY_PREFIX",
        hide_env_values = true
    )]
    pub(crate) key_prefix: Option<String>,

    /// How long to wait for one node's answer, such as 200ms [default: depends on the validity]
    #[arg(
        long,
        value_name = "DURATION",
        env = "REDLOCK_NODE_TIMEOUT",
        hide_env_values = true
    )]
    #[arg(value_parser = humantime::parse_duration)]
    pub(crate) node_timeout: Option<Duration>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Lock(LockArgs),
    Unlock(UnlockArgs),
    Status(StatusArgs),
    Run(RunArgs),
}

/// Acquire a lock and print its key
///
/// The lock stays until its validity is over, or until `redlock unlock NAME KEY`. Nothing extends
/// it meanwhile: for work of unknown length there is `redlock run`.
#[derive(Debug, clap::Args)]
pub(crate) struct LockArgs {
    /// How many more attempts to make after the first; -1 to go on for ever
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        allow_negative_numbers = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(-1..i64::from(u32::MAX)))]
    pub(crate) retry_count: i64,

    /// The longest pause between two attempts, in milliseconds; each is drawn at random
    #[arg(long, value_name = "MS", default_value_t = 200)]
    pub(crate) retry_delay: u64,

    /// What to lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// For how many milliseconds
    #[arg(value_name = "VALIDITY_MS")]
    pub(crate) validity: u64,
}

/// Release a lock
///
/// Succeeds even if there was nothing to release, which stderr then says.
#[derive(Debug, clap::Args)]
pub(crate) struct UnlockArgs {
    /// What was locked
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// What `redlock lock` has printed
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key: String,
}

/// Tell who holds a lock, and for how long
///
/// Exits with 0 if it is held, 1 if it is free, 3 if too few nodes answered to tell.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// What to look for
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}

/// Run a command while holding a lock
///
/// The lock is extended until the command ends, and then released. If the lock is lost first, the
/// command gets SIGTERM, and SIGKILL when the grace is over. Signals sent to redlock are passed on.
///
/// The command finds the name of the lock in REDLOCK_RESOURCE, its key in REDLOCK_LEASE_ID and its
/// fencing token in REDLOCK_TOKEN.
/// Unless redlock was started from a terminal, the command runs in a process group of its own,
/// and signals go to all of that.
#[derive(Debug, clap::Args)]
#[command(after_help = RUN_EXIT_CODES)]
pub(crate) struct RunArgs {
    /// How long the nodes keep the lock if redlock dies
    #[arg(
        long,
        value_name = "DURATION",
        env = "REDLOCK_TTL",
        hide_env_values = true
    )]
    #[arg(default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) ttl: Duration,

    /// How long to wait for the lock; 0 to try once
    #[arg(
        long,
        value_name = "DURATION",
        env = "REDLOCK_WAIT",
        hide_env_values = true
    )]
    #[arg(default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) wait: Duration,

    /// How long to keep others out at least, even if the command takes less
    ///
    /// For jobs that several machines start at about the same time. If redlock is killed, the lock
    /// is kept for its ttl.
    #[arg(long, value_name = "DURATION")]
    #[arg(default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) hold_at_least: Duration,

    /// How long the command may take to end once the lock is lost
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    #[arg(value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,

    /// What to lock
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Understands the command line, or says what is wrong with it and returns the exit code.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    Args::try_parse().map_err(|error| {
        let text = without_credentials(&error.render().to_string());
        // There is nobody else to tell if this fails.
        if error.use_stderr() {
            io::stderr().write_all(text.as_bytes()).ok();
        } else {
            io::stdout().write_all(text.as_bytes()).ok();
        }
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    })
}

/// Blots out what stands before the host in the URLs of a text: an argument that is repeated
/// because it is out of place may hold a password.
fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        let end = part.find(char::is_whitespace).unwrap_or(part.len());
        match part[..end].rfind('@') {
            Some(at) => {
                shown.push_str("***");
                shown.push_str(&part[at..]);
            }
            None => shown.push_str(part),
        }
    }
    shown
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  not obtained: somebody else holds the lock
  2  the arguments or the nodes' addresses make no sense
  3  too few nodes can be used, or the key holds something that is not a lock";

const RUN_EXIT_CODES: &str = "\
Exit codes:
  that of the command, or 128 and the number of the signal that ended it
  1    the lock is held by somebody else, and the wait is over
  2    the arguments or the nodes' addresses make no sense
  3    too few nodes can be used, or the key holds something that is not a lock
  4    the lock was lost while the command ran
  126  the command cannot be executed
  127  the command was not found";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_makes_sense() {
        Args::command().debug_assert();
    }

    #[test]
    fn credentials_are_blotted_out_and_nothing_else() {
        let text = "no 'redis://user:p@ss@a:1' and 'redis://b' or x@y, \n rediss://:q@c";
        let shown = "no 'redis://***@a:1' and 'redis://b' or x@y, \n rediss://***@c";
        assert_eq!(without_credentials(text), shown);
    }
}
