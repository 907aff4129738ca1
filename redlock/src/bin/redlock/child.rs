//! A command that runs while a lock is held.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use redlock::LockGuard;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::Command;

use crate::failure::Failure;

/// A process that was started here, with its process group if that is its own.
///
/// At a terminal it stays in ours, because only one group may read from the terminal; Ctrl-C then
/// reaches it without our help.
#[derive(Debug)]
pub(crate) struct Child {
    process: tokio::process::Child,
    pid: Pid,
    is_interactive: bool,
}

impl Child {
    /// Starts the command, and tells it which lock it runs under.
    pub(crate) fn spawn(command: &[OsString], guard: &LockGuard) -> Result<Self, Failure> {
        let (program, args) = command
            .split_first()
            .ok_or_else(|| Failure::usage("no command"))?;
        let is_interactive =
            io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal();
        let mut command = Command::new(program);
        command
            .args(args)
            .env("REDLOCK_RESOURCE", guard.resource().to_string())
            .env("REDLOCK_LEASE_ID", guard.lease_id().as_str())
            .env("REDLOCK_TOKEN", guard.token().to_string())
            .kill_on_drop(true);
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

    /// Waits until the command has ended, and returns its exit code.
    ///
    /// Cancel safe.
    pub(crate) async fn exit_code(&mut self) -> Result<u8, Failure> {
        let status = self.process.wait().await;
        let status = status.map_err(|error| Failure::system(format!("waiting: {error}")))?;
        Ok(exit_code(status))
    }

    /// Passes on a signal that was sent to us.
    pub(crate) fn pass_on(&self, signal: Signal) {
        // A key was pressed, and the terminal has sent the signal to both of us.
        let is_from_terminal = matches!(signal, Signal::INT | Signal::QUIT);
        if !(self.is_interactive && is_from_terminal) {
            self.send(signal);
        }
    }

    /// Asks the command to end, and ends it when the grace is over.
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

    /// What has ended meanwhile needs no signal.
    fn send(&self, signal: Signal) {
        if !self.is_interactive {
            kill_process_group(self.pid, signal).ok();
        } else if self.process.id().is_some() {
            // Not reaped yet, so that the number is still its own.
            kill_process(self.pid, signal).ok();
        }
    }

    /// Whether processes that the command has started outlive it. The number of a group is not
    /// given to another while it has members.
    fn group_lives(&self) -> bool {
        !self.is_interactive
            && matches!(test_kill_process_group(self.pid), Ok(()) | Err(Errno::PERM))
    }
}

/// As a shell has it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => i32::from(u8::MAX),
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// How often to look whether a group has ended: nobody tells.
const INTERVAL: Duration = Duration::from_millis(20);

const NOT_EXECUTABLE: u8 = 126;

const NOT_FOUND: u8 = 127;
