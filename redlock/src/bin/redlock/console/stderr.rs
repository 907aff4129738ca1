//! Texts for stderr, written by a thread of their own while a command is supervised.
//!
//! A write to a full pipe waits for its reader. A write to a terminal that another process group has can
//! stop this process. Neither may delay the extension of a lock, or the end of a command that has lost it.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow};

/// A writer to stderr. Each write is one text.
#[derive(Debug)]
pub(crate) struct Stderr;

/// What the thread has to do.
enum Task {
    Write(Vec<u8>),
    /// Drops the sender when all texts before it are written.
    Report(Sender<()>),
}

impl Stderr {
    /// Writes from now on in a thread of its own. If that cannot be started, nothing changes.
    pub(crate) fn detach() {
        let (tasks, queue) = sync_channel(CAPACITY);
        // The thread inherits the mask. Signals are for the others, and SIGTTOU is not for stderr.
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
        let thread = thread::Builder::new().spawn(|| carry_out(queue));
        if let Ok(mask) = mask {
            mask.thread_set_mask().ok();
        }
        if thread.is_ok() {
            THREAD.set(tasks).ok();
        }
    }

    /// Waits until everything is written, at most for `limit`.
    pub(crate) fn flush_within(limit: Duration) {
        let (report, done) = channel();
        if let Some(thread) = THREAD.get()
            && thread.try_send(Task::Report(report)).is_ok()
        {
            done.recv_timeout(limit).ok();
        }
    }

    /// Waits until everything is written.
    pub(crate) fn finish() {
        let (report, done) = channel();
        if let Some(thread) = THREAD.get()
            && thread.send(Task::Report(report)).is_ok()
        {
            done.recv().ok();
        }
    }
}

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match THREAD.get() {
            // A text that finds the queue full is lost: its reader has left many before it.
            Some(thread) => thread.try_send(Task::Write(text.to_owned())).unwrap_or(()),
            None => io::stderr().write_all(text)?,
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn carry_out(queue: Receiver<Task>) {
    for task in queue {
        match task {
            // A closed stderr is no reason to stop the work.
            Task::Write(text) => io::stderr().write_all(&text).unwrap_or(()),
            Task::Report(report) => drop(report),
        }
    }
}

static THREAD: OnceLock<SyncSender<Task>> = OnceLock::new();

/// More texts than a command has messages, and a bound for its events.
const CAPACITY: usize = 1000;
