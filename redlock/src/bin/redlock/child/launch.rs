//! The start of a command through redlock itself.
//!
//! Some things a process can only do to itself. They are done between two calls of `exec`: it asks to be killed with
//! its parent, and takes the terminal for its group. Then it becomes the command.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use redlock::LockGuard;
use rustix::process::{Pid, getpid, getppid};

use super::terminal::Terminal;
use crate::args::RunArgs;
use crate::console::Console;
use crate::itself;

/// Starts a command in a group of its own, and returns its process id.
pub(super) fn spawn(
    run: &RunArgs,
    is_quiet: bool,
    takes_terminal: bool,
    guard: &LockGuard,
) -> io::Result<Pid> {
    let mut command = itself::with_verb(VERB);
    command
        .arg(getpid().to_string())
        .arg(if takes_terminal { TERMINAL } else { "-" })
        .arg(if is_quiet { QUIET } else { "-" })
        .args(&run.command)
        .env("REDLOCK_RESOURCE", guard.resource().to_string())
        .env("REDLOCK_LEASE_ID", guard.lease_id().to_string())
        .process_group(0);
    match guard.try_token() {
        Some(token) => command.env("REDLOCK_TOKEN", token.to_string()),
        // One of an outer lock would be taken for this one's.
        None => command.env_remove("REDLOCK_TOKEN"),
    };
    if !run.pass_nodes && env::var_os("REDLOCK_NODES").is_some_and(|it| has_password(&it)) {
        command.env_remove("REDLOCK_NODES");
    }
    Ok(Pid::from_child(&command.spawn()?))
}

/// Becomes the command. Returns an exit code only if that fails.
pub(super) fn launch(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let parent = args.next();
    let takes_terminal = args.next().is_some_and(|it| it == TERMINAL);
    let is_quiet = args.next().is_some_and(|it| it == QUIET);
    let Some(program) = args.next() else {
        return ExitCode::FAILURE;
    };
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL)).ok();
    }
    // The parent may have died before.
    let current = getppid().map(|pid| OsString::from(pid.to_string()));
    if current != parent {
        return ExitCode::FAILURE;
    }
    if takes_terminal && let Some(terminal) = Terminal::open() {
        terminal.give(getpid());
    }
    let error = Command::new(&program).args(args).exec();
    Console::of_errors(is_quiet).print(&format!("redlock: {}: {error}", program.display()));
    match error.kind() {
        ErrorKind::NotFound => ExitCode::from(127),
        _ => ExitCode::from(126),
    }
}

/// Whether one of the URLs in a list has a password: before its host, or as an option.
fn has_password(urls: &OsStr) -> bool {
    let urls = urls.to_string_lossy();
    urls.contains('@') || urls.contains("pass")
}

pub(super) const VERB: &str = "__exec";

const TERMINAL: &str = "terminal";

const QUIET: &str = "quiet";
