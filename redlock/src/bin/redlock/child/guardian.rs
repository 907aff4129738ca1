//! A process that ends the command if redlock is killed.
//!
//! SIGKILL leaves redlock no time to do so. The guardian reads a pipe that only redlock writes to. The
//! end of the pipe without a dismissal means that redlock has died.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use redlock::LeaseId;
use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};

use crate::itself;

/// The guardian of a command.
#[derive(Debug)]
pub(super) struct Guardian {
    pid: Pid,
    pipe: ChildStdin,
}

impl Guardian {
    /// Starts a guardian that ends the group, and what has left it with the lease id in its environment.
    pub(super) fn spawn(group: Pid, lease: &LeaseId) -> io::Result<Self> {
        let mut guardian = itself::with_verb(VERB)
            .stdin(Stdio::piped())
            // It must not keep a pipe open that others read to its end.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pid = Pid::from_child(&guardian);
        let mut pipe = guardian.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        // Without a guardian, the command only ends with redlock itself.
        writeln!(pipe, "{group} {lease}").ok();
        Ok(Self { pid, pipe })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Lets the command go on.
    pub(super) fn dismiss(mut self) {
        self.pipe.write_all(DISMISSAL).ok();
    }
}

/// Waits for the end of redlock, and then for that of its command.
pub(super) fn guard() -> ExitCode {
    // A signal to every process of a service is a request to redlock, which may take its time.
    SigSet::all().thread_block().ok();
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).ok();
    if !text.ends_with(DISMISSAL)
        && let Some((group, lease)) = parse(&text)
    {
        kill_all(group, lease);
    }
    ExitCode::SUCCESS
}

fn parse(text: &[u8]) -> Option<(Pid, &str)> {
    let line = std::str::from_utf8(text).ok()?.lines().next()?;
    let (group, lease) = line.split_once(' ')?;
    Some((Pid::from_raw(group.parse().ok()?)?, lease))
}

/// Kills a group, and what has left it, until none is left.
fn kill_all(group: Pid, lease: &str) {
    let start = Instant::now();
    while start.elapsed() < UNKILLABLE {
        let has_group = kill_process_group(group, Signal::KILL).is_ok();
        let marked = marked(lease);
        if !has_group && marked.is_empty() {
            return;
        }
        for pid in marked {
            kill_process(pid, Signal::KILL).ok();
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Returns the processes that have the lease id in their environment, on Linux.
fn marked(lease: &str) -> Vec<Pid> {
    let mark = format!("REDLOCK_LEASE_ID={lease}");
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = processes
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let is_marked = |pid: &Pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        *pid != getpid() && variables.any(|variable| variable == mark.as_bytes())
    };
    pids.filter(is_marked).collect()
}

pub(super) const VERB: &str = "__guard";

const DISMISSAL: &[u8] = b"dismissed\n";

const INTERVAL: Duration = Duration::from_millis(5);

/// How long to try to kill.
const UNKILLABLE: Duration = Duration::from_secs(10);
