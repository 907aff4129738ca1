//! The command that runs while a lock is held.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use redlock::LockGuard;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::Command;

use crate::args::RunArgs;
use crate::failure::Failure;

/// A child process, which leads its own process group unless redlock runs at a terminal.
///
/// At a terminal it stays in redlock's group, because only one group may read from the terminal.
/// Ctrl-C then reaches it directly.
#[derive(Debug)]
pub(crate) struct Child {
    process: tokio::process::Child,
    pid: Pid,
    is_interactive: bool,
}

impl Child {
    /// Starts the command, with the lock's name, lease id and token in its environment.
    pub(crate) fn spawn(run: &RunArgs, guard: &LockGuard) -> Result<Self, Failure> {
        let (program, args) = run
            .command
            .split_first()
            .ok_or_else(|| Failure::usage("no command"))?;
        let is_interactive =
            io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal();
        let mut command = Command::new(program);
        command
            .args(args)
            .env("REDLOCK_RESOURCE", guard.resource().to_string())
            .env("REDLOCK_LEASE_ID", guard.lease_id().to_string())
            .kill_on_drop(true);
        match guard.try_token() {
            Some(token) => command.env("REDLOCK_TOKEN", token.to_string()),
            // One of an outer lock would be taken for this one's.
            None => command.env_remove("REDLOCK_TOKEN"),
        };
        if !run.pass_nodes && env::var_os("REDLOCK_NODES").is_some_and(|it| has_password(&it)) {
            command.env_remove("REDLOCK_NODES");
        }
        if !is_interactive {
            command.process_group(0);
        }
        let process = command.spawn().map_err(|error| {
            let code = match error.kind() {
                ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            };
            Failure::command(code, format!("{}: {error}", program.display()))
        })?;
        let pid = process
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .ok_or_else(|| Failure::system("the command has no process id"))?;
        Ok(Self {
            process,
            pid,
            is_interactive,
        })
    }

    /// Waits for the command to end and returns its exit code.
    ///
    /// Cancel safe.
    pub(crate) async fn exit_code(&mut self) -> Result<u8, Failure> {
        let status = self.process.wait().await;
        let status = status
            .map_err(|error| Failure::system(format!("cannot wait for the command: {error}")))?;
        Ok(exit_code(status))
    }

    /// Forwards a signal that redlock received.
    pub(crate) fn forward(&self, signal: Signal) {
        // The terminal has sent the signal of a pressed key to both processes.
        let is_from_terminal = matches!(signal, Signal::INT | Signal::QUIT);
        if !(self.is_interactive && is_from_terminal) {
            self.send(signal);
        }
    }

    /// Sends SIGTERM to the command, and SIGKILL if it has not ended after `grace`.
    pub(crate) async fn stop(&mut self, grace: Duration) {
        self.send(Signal::TERM);
        let ended = async {
            self.process.wait().await.ok();
            while self.group_lives() {
                tokio::time::sleep(INTERVAL).await;
            }
        };
        if tokio::time::timeout(grace, ended).await.is_err() {
            self.send(Signal::KILL);
            self.process.wait().await.ok();
        }
    }

    /// Sends a signal to the command's processes. Ignores those that have ended.
    fn send(&self, signal: Signal) {
        if !self.is_interactive {
            kill_process_group(self.pid, signal).ok();
        } else if self.process.id().is_some() {
            // Not reaped yet, so the process id is still the child's.
            kill_process(self.pid, signal).ok();
        }
    }

    /// Whether processes that the command has started outlive it. The id of a group is not reused
    /// while the group has members.
    fn group_lives(&self) -> bool {
        !self.is_interactive
            && matches!(test_kill_process_group(self.pid), Ok(()) | Err(Errno::PERM))
    }
}

/// Whether one of the URLs in a list has a password: before its host, or as an option.
fn has_password(urls: &OsStr) -> bool {
    let urls = urls.to_string_lossy();
    urls.contains('@') || urls.contains("pass")
}

/// Converts an exit status to an exit code as shells do.
fn exit_code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => i32::from(u8::MAX),
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// The polling interval for the end of a group, for which there is no notification.
const INTERVAL: Duration = Duration::from_millis(20);

const NOT_EXECUTABLE: u8 = 126;

const NOT_FOUND: u8 = 127;
