//! The command that runs while a lock is held, with all of its descendants.
//!
//! ```text
//! redlock run ──┬── redlock __guard            ends the rest if redlock is killed
//!               └── redlock __exec ─▶ COMMAND  leads its own process group
//!                                      └── …   descendants, also those that have left the group
//! ```

mod descendants;
mod guardian;
mod launch;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use redlock::LockGuard;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process_group, test_kill_process_group, wait,
};
use tokio::signal::unix;

use self::descendants::Descendants;
use self::guardian::Guardian;
use self::terminal::Terminal;
use crate::args::RunArgs;
use crate::ending::Ending;
use crate::failure::Failure;

/// A command and its descendants. They are killed on drop.
#[derive(Debug)]
pub(crate) struct Child {
    /// The process id, which is also that of the group.
    pid: Pid,
    /// How the command itself has ended, once it has.
    ending: Option<Ending>,
    /// The signal that has stopped the command, until it is returned.
    news: Option<i32>,
    is_stopped: bool,
    /// The signal of a stop that is to be handled again, and how often it was.
    retry: Option<i32>,
    tries: u32,
    /// Whether the group has ended. Its id may then belong to others.
    is_group_gone: bool,
    descendants: Descendants,
    terminal: Option<Terminal>,
    /// Whether the group gets the terminal whenever redlock has it.
    is_eager: bool,
    waits_for_descendants: bool,
    changes: unix::Signal,
    guardian: Guardian,
}

/// A change of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// A signal has stopped it.
    Stopped(i32),
    /// It has ended, and its descendants have ended too.
    Ended(Ending),
}

/// What has become of a stopped command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It runs again, or stays stopped until redlock receives SIGCONT.
    Settled,
    /// redlock was stopped with it, and has been continued.
    Suspended,
}

/// Carries out a hidden verb, which redlock runs itself with.
pub(crate) fn hidden_verb(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    match args.next()?.to_str()? {
        launch::VERB => Some(launch::launch(args)),
        guardian::VERB => Some(guardian::guard()),
        _ => None,
    }
}

impl Child {
    /// Starts the command, with the lock's name, lease id and token in its environment.
    pub(crate) fn spawn(run: &RunArgs, is_quiet: bool, guard: &LockGuard) -> Result<Self, Failure> {
        let failed = |error| Failure::system(format!("cannot start the command: {error}"));
        let changes = unix::signal(unix::SignalKind::child()).map_err(failed)?;
        let mut descendants = Descendants::adopt();
        let terminal = Terminal::open();
        let is_eager = terminal.as_ref().is_some_and(Terminal::is_for_one_command);
        let is_given = is_eager && terminal.as_ref().is_some_and(Terminal::is_foreground);
        let pid = launch::spawn(run, is_quiet, is_given, guard).map_err(failed)?;
        // After the command, which does not wait for it. Until then, only the command itself is killed
        // with redlock.
        let guardian = Guardian::spawn(pid, guard.lease_id()).inspect_err(|_| {
            kill_process_group(pid, Signal::KILL).ok();
        });
        let guardian = guardian.map_err(failed)?;
        descendants.ignore(guardian.pid());
        Ok(Self {
            pid,
            ending: None,
            news: None,
            is_stopped: false,
            retry: None,
            tries: 0,
            is_group_gone: false,
            descendants,
            terminal,
            is_eager,
            waits_for_descendants: !run.leave_descendants,
            changes,
            guardian,
        })
    }

    /// Waits for the next change. Cancel safe.
    pub(crate) async fn changed(&mut self) -> Change {
        loop {
            self.reap();
            if let Some(signal) = self.news.take() {
                return Change::Stopped(signal);
            }
            if let Some(ending) = self.ending
                && !(self.waits_for_descendants && self.has_survivors())
            {
                return Change::Ended(ending);
            }
            self.next_signal().await;
            if let Some(signal) = self.retry.take() {
                return Change::Stopped(signal);
            }
        }
    }

    /// Forwards a signal that redlock received to the command's group.
    pub(crate) fn forward(&mut self, signal: Signal) {
        self.reap();
        self.signal_group(signal);
    }

    /// Handles a stop as shells do: the terminal is handed over to a command that needs it. Otherwise
    /// the terminal is taken back, and redlock stops with its whole job.
    pub(crate) fn on_stop(&mut self, signal: i32) -> Stop {
        let Some(terminal) = &self.terminal else {
            return Stop::Settled;
        };
        let needs_terminal = signal == Signal::TTIN.as_raw() || signal == Signal::TTOU.as_raw();
        let may_have_it = terminal.is_foreground() || terminal.is_held_by(self.pid);
        if needs_terminal && may_have_it {
            self.tries = 0;
            self.resume_with(true);
            return Stop::Settled;
        }
        if needs_terminal && self.waits_for_terminal(terminal) {
            self.tries += 1;
            self.retry = Some(signal);
            return Stop::Settled;
        }
        self.tries = 0;
        if !terminal.can_suspend() {
            // No process would continue this one. The kernel ignores the key in such a group.
            if signal == Signal::TSTP.as_raw() {
                self.resume();
            }
            return Stop::Settled;
        }
        terminal.take_back(self.pid);
        terminal.suspend();
        Stop::Suspended
    }

    /// Whether the terminal will come back soon, because another command of the same pipeline has it.
    /// One that has just ended is unknown until the terminal is taken back from it.
    fn waits_for_terminal(&self, terminal: &Terminal) -> bool {
        let is_job = terminal.is_held_by_job();
        is_job.unwrap_or(self.tries < UNKNOWN_TRIES)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Continues the command, at the terminal if redlock is there.
    pub(crate) fn resume(&mut self) {
        self.resume_with(self.is_eager);
    }

    fn resume_with(&mut self, gives_terminal: bool) {
        if let Some(terminal) = &self.terminal
            && gives_terminal
            && terminal.is_foreground()
        {
            terminal.give(self.pid);
        }
        if self.is_stopped {
            self.is_stopped = false;
            self.signal_group(Signal::CONT);
        }
    }

    /// Sends SIGTERM to the command and its descendants, and SIGKILL to those that are left after
    /// `grace`.
    pub(crate) async fn stop(&mut self, grace: Duration) {
        self.reap();
        self.signal_all(Signal::TERM);
        self.signal_all(Signal::CONT);
        if tokio::time::timeout(grace, self.all_ended()).await.is_err() {
            self.kill().await;
        }
    }

    /// Sends SIGKILL to the command and its descendants until none is left. Stopped ones do not run
    /// again.
    pub(crate) async fn kill(&mut self) {
        let start = Instant::now();
        // The kernel may keep a process that waits for a device.
        while start.elapsed() < UNKILLABLE {
            self.reap();
            self.signal_all(Signal::KILL);
            if tokio::time::timeout(INTERVAL, self.all_ended())
                .await
                .is_ok()
            {
                return;
            }
        }
    }

    /// Ends the supervision: takes the terminal back, and lets what still runs go on.
    pub(crate) fn finish(self) {
        if let Some(terminal) = &self.terminal
            && terminal.take_back(self.pid)
            && let Some(Ending::Signal(signal @ (Signal::INT | Signal::QUIT))) = self.ending
        {
            terminal.pass_key_on(signal);
        }
        self.guardian.dismiss();
    }

    async fn all_ended(&mut self) {
        loop {
            self.reap();
            if self.ending.is_some() && !self.has_survivors() {
                return;
            }
            self.next_signal().await;
        }
    }

    /// Waits for a change of any child. Without adopted orphans, there is no notification of the end
    /// of a group.
    async fn next_signal(&mut self) {
        let _poll = tokio::time::timeout(INTERVAL, self.changes.recv()).await;
    }

    /// Reads the changes of all children. The orphans among them are reaped.
    fn reap(&mut self) {
        loop {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) if pid == self.pid => self.record(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn record(&mut self, status: WaitStatus) {
        if let Some(signal) = status.stopping_signal() {
            self.is_stopped = true;
            self.news = Some(signal);
        } else {
            self.is_stopped = false;
            self.news = None;
            self.retry = None;
            self.ending = Some(Ending::of(status));
        }
    }

    /// Whether processes that the command has started outlive it.
    fn has_survivors(&mut self) -> bool {
        if !self.is_group_gone {
            let exists = matches!(test_kill_process_group(self.pid), Ok(()) | Err(Errno::PERM));
            self.is_group_gone = !exists && self.ending.is_some();
        }
        !self.is_group_gone || self.descendants.exist()
    }

    /// Sends a signal to the group. Ignores a group that has ended.
    fn signal_group(&self, signal: Signal) {
        if !self.is_group_gone {
            kill_process_group(self.pid, signal).ok();
        }
    }

    /// Sends a signal to the group, and to the descendants that have left it.
    fn signal_all(&self, signal: Signal) {
        self.signal_group(signal);
        self.descendants.signal_outside(self.pid, signal);
    }
}

/// The polling interval for the end of a group.
const INTERVAL: Duration = Duration::from_millis(20);

/// How often to look for the terminal of an unknown group.
const UNKNOWN_TRIES: u32 = 50;

/// How long to try to kill.
const UNKILLABLE: Duration = Duration::from_secs(10);
