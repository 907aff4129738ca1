//! The command line of `redlock`.

mod bench;
mod break_lock;
mod check;
mod completions;
mod examples;
mod extend;
mod lock;
mod mask;
mod nodes;
mod output;
mod report;
mod run;
mod status;
mod unlock;
mod values;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

pub(crate) use self::bench::BenchArgs;
pub(crate) use self::break_lock::BreakArgs;
pub(crate) use self::check::CheckArgs;
pub(crate) use self::completions::CompletionsArgs;
use self::examples::EXAMPLES;
pub(crate) use self::extend::ExtendArgs;
pub(crate) use self::lock::LockArgs;
use self::mask::without_credentials;
pub(crate) use self::nodes::NodeArgs;
pub(crate) use self::output::OutputArgs;
use self::report::NODES_EXIT_CODES;
pub(crate) use self::run::{OnBusy, RunArgs, USAGE as RUN_USAGE};
pub(crate) use self::status::StatusArgs;
pub(crate) use self::unlock::UnlockArgs;
use crate::console::{Console, line_of};
use crate::failure::Failure;

/// Distributed locks on a quorum of independent Redis or Valkey servers.
#[derive(Debug, Parser)]
#[command(name = "redlock", version, long_version = LONG_VERSION, after_help = EXIT_CODES, after_long_help = format!("{EXIT_CODES}\n\n{EXAMPLES}"))]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) nodes: NodeArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The verb and its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Lock(LockArgs),
    Unlock(UnlockArgs),
    Extend(ExtendArgs),
    Status(StatusArgs),
    Break(BreakArgs),
    Run(RunArgs),
    /// Show the health of every node, and what needs attention
    ///
    /// The table has a line for each node: its health, server, smoothed round trip, role, persistence,
    /// eviction policy, uptime, and how far its clock is from that of this machine. WAITERS says whether
    /// waiters are hinted when it is their turn, notified of changes only, or have to poll.
    #[command(after_help = NODES_EXIT_CODES)]
    Nodes,
    Check(CheckArgs),
    Bench(BenchArgs),
    Completions(CompletionsArgs),
    /// Print the manual page, for `man -l -`
    Man,
}

/// Parses the command line, or prints the error and returns the exit code.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    let args = Args::try_parse().and_then(|args| {
        let given = std::env::args_os().take_while(|it| it != "--");
        let given = given.filter(|it| it.as_encoded_bytes().starts_with(b"--redis"));
        // The parser keeps those behind the verb only, and drops the others.
        if given.count() > args.nodes.redis.len() {
            let text = "--redis stands before and behind the verb: give all of them in one place\n";
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        Ok(args)
    });
    args.map_err(|error| {
        let arguments = std::env::args_os().map(|it| it.to_string_lossy().into_owned());
        let text = without_credentials(&error.render().to_string(), arguments);
        // A failed write cannot be reported anywhere else.
        if error.use_stderr() {
            io::stderr().write_all(text.as_bytes()).ok();
        } else {
            io::stdout().write_all(text.as_bytes()).ok();
        }
        if error.use_stderr() && has_json(std::env::args_os()) {
            let failure = Failure::usage(text.trim_end().trim_start_matches("error: "));
            Console::print_result(&line_of(&failure.json())).ok();
        }
        match u8::try_from(error.exit_code()) {
            Ok(0) => ExitCode::SUCCESS,
            _ if is_run(std::env::args_os()) => ExitCode::from(RUN_USAGE),
            code => code.map_or(ExitCode::FAILURE, ExitCode::from),
        }
    })
}

/// Whether the verb is `run`, which has exit codes of its own.
fn is_run(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut words = arguments.skip(1).take_while(|it| it != "--");
    let command = Args::command();
    let takes_value = |word: &str| {
        let mut options = command.get_arguments();
        let option = word.strip_prefix("--");
        options.any(|it| it.get_long() == option && it.get_action().takes_values())
    };
    while let Some(word) = words.next() {
        let word = word.to_string_lossy();
        if command.find_subcommand(&*word).is_some() {
            return word == "run";
        }
        if takes_value(&word) {
            words.next();
        }
    }
    false
}

/// Whether results are to be JSON. The parser does not say, as it has failed.
fn has_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut words = arguments.take_while(|it| it != "--");
    words.any(|word| word == "--json")
}

/// The version, and the features that the command was built with.
const LONG_VERSION: &str = if cfg!(feature = "tls-rustls") {
    concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: cli, tls-rustls")
} else if cfg!(feature = "tls-native") {
    concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: cli, tls-native")
} else {
    concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: cli")
};

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  not obtained: another process holds the lock
  2  invalid arguments or node addresses
  3  too few usable nodes, or the key holds something that is not a lock
status, nodes, check and run have more: see redlock help VERB.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_value_of_an_option_is_no_verb() {
        let is_run = |line: &str| is_run(line.split(' ').map(OsString::from));
        for line in [
            "redlock run",
            "redlock -v --label lock run",
            "redlock --label=lock run",
        ] {
            assert!(is_run(line), "{line}");
        }
        for line in [
            "redlock",
            "redlock lock run",
            "redlock --label run lock",
            "redlock -- run",
        ] {
            assert!(!is_run(line), "{line}");
        }
    }
}
