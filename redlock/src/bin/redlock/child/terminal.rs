//! The controlling terminal, which is handed to the command as shells do.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::process::{
    self, Pid, getpgid, getpgrp, getpid, getppid, getsid, kill_current_process_group, kill_process,
};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

/// The controlling terminal of this process.
#[derive(Debug)]
pub(super) struct Terminal(File);

impl Terminal {
    /// Opens the terminal, if there is one.
    pub(super) fn open() -> Option<Self> {
        let tty = File::options().read(true).write(true).open("/dev/tty");
        tty.ok().map(Self)
    }

    /// Whether the group of this process has the terminal.
    pub(super) fn is_foreground(&self) -> bool {
        self.is_held_by(getpgrp())
    }

    pub(super) fn is_held_by(&self, group: Pid) -> bool {
        tcgetpgrp(&self.0) == Ok(group)
    }

    /// Whether a group has it that this job has started, such as the command of another redlock in
    /// the same pipeline. `None` if the group is unknown.
    pub(super) fn is_held_by_job(&self) -> Option<bool> {
        let leader = tcgetpgrp(&self.0).ok()?;
        let parent = parent_of(leader)?;
        Some(getpgid(Some(parent)) == Ok(getpgrp()))
    }

    /// Whether no other process of the job is likely to read from the terminal. A pager at the end of
    /// a pipeline does. A command in front of it gets the terminal when it asks for it.
    pub(super) fn is_for_one_command(&self) -> bool {
        io::stdin().is_terminal() && !is_pipe(io::stdout().as_fd())
    }

    /// Hands the terminal to a group.
    pub(super) fn give(&self, group: Pid) {
        // A group without the terminal may not hand it over, and is stopped by this signal.
        without(Signal::SIGTTOU, || {
            tcsetpgrp(&self.0, group).ok();
        });
    }

    /// Takes the terminal back from a group, unless another one has it by now. Returns whether it did.
    pub(super) fn take_back(&self, group: Pid) -> bool {
        let is_taken = self.is_held_by(group);
        if is_taken {
            self.give(getpgrp());
        }
        is_taken
    }

    /// Sends the signal of a key to the job of this process, such as a script. The key has reached the
    /// group with the terminal only, and has ended it.
    pub(super) fn pass_key_on(&self, signal: process::Signal) {
        // This process catches the signal.
        kill_current_process_group(signal).ok();
    }

    /// Stops the job of this process, which may be a pipeline or a script, until it is continued.
    pub(super) fn suspend(&self) {
        // This process catches the signal. Its own copy stays pending, and is discarded by SIGCONT.
        without(Signal::SIGTSTP, || {
            kill_current_process_group(process::Signal::TSTP).ok();
            kill_process(getpid(), process::Signal::STOP).ok();
        });
    }

    /// Whether the group of this process may stop: a process outside of it, in the same session, can
    /// continue it.
    pub(super) fn can_suspend(&self) -> bool {
        let mut parent = getppid();
        while let Some(pid) = parent {
            if getsid(Some(pid)) != getsid(None) {
                return false;
            }
            if getpgid(Some(pid)) != Ok(getpgrp()) {
                return true;
            }
            parent = parent_of(pid);
        }
        false
    }
}

/// Acts while a signal is blocked.
fn without(signal: Signal, act: impl FnOnce()) {
    let blocked = SigSet::from(signal).thread_swap_mask(SigmaskHow::SIG_BLOCK);
    if let Ok(mask) = blocked {
        act();
        mask.thread_set_mask().ok();
    }
}

fn is_pipe(output: impl AsFd) -> bool {
    let file = output.as_fd().try_clone_to_owned().map(File::from);
    let metadata = file.and_then(|file| file.metadata());
    metadata.is_ok_and(|it| it.file_type().is_fifo())
}

/// Returns the parent of another process, as far as that is known.
fn parent_of(pid: Pid) -> Option<Pid> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|it| it.strip_prefix("PPid:"))?;
    Pid::from_raw(parent.trim().parse().ok()?)
}
