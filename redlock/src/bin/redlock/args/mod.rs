//! The command line of `redlock`.

mod lock;
mod mask;
mod nodes;
mod run;
mod status;
mod times;
mod unlock;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use self::lock::LockArgs;
use self::mask::without_credentials;
pub(crate) use self::nodes::NodeArgs;
pub(crate) use self::run::RunArgs;
pub(crate) use self::status::StatusArgs;
pub(crate) use self::unlock::UnlockArgs;

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

/// The verb and its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Lock(LockArgs),
    Unlock(UnlockArgs),
    Status(StatusArgs),
    Run(RunArgs),
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

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  not obtained: another process holds the lock
  2  invalid arguments or node addresses
  3  too few usable nodes, or the key holds something that is not a lock";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }
}
