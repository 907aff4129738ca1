//! Child processes that end with their parent.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::{io, io::Write, os::unix::process::CommandExt};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// A child process that does not outlive this one.
///
/// It is killed on drop. If this process is itself killed, no destructor runs. A second child, the
/// *leash*, covers that case. It waits for the pipe from this process to close, then kills the
/// first child.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    leash: Child,
}

impl Process {
    /// Starts `program`. If the leash has to act, it also removes the directory `litter`.
    pub(crate) fn spawn<A: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        (stdout, stderr): (Stdio, Stdio),
        litter: Option<&Path>,
    ) -> io::Result<Self> {
        let mut child = shell(GATE)
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()?;
        // If the leash does not start, the child's input closes here and the program never runs.
        let leash = shell(LEASH)
            .arg(child.id().to_string())
            .args(litter)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let input = child.stdin.as_mut().unwrap();
        input.write_all(b"go\n")?;
        Ok(Self { child, leash })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether the process has ended. Does not reap it.
    pub(crate) fn has_ended(&self) -> bool {
        self.look(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
    }

    /// Stops the process and returns once it has stopped.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        self.look(WaitIdOptions::STOPPED | WaitIdOptions::EXITED);
    }

    /// Resumes a stopped process.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks the process to stop, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Kills the process if it is still running, and returns its exit status.
    ///
    /// A stopped process is not resumed first, so it does not respond to requests that arrived
    /// while it was stopped.
    pub(crate) fn kill(mut self) -> io::Result<ExitStatus> {
        self.end()
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        // The leash must be gone before the child is reaped, because reaping frees the child's pid
        // and the leash would kill that pid.
        self.leash.kill()?;
        self.leash.wait()?;
        self.child.wait()
    }

    fn signal(&self, signal: Signal) {
        // Signalling a process that has ended but was not reaped succeeds.
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn look(&self, what: WaitIdOptions) -> bool {
        let id = WaitId::Pid(Pid::from_child(&self.child));
        waitid(id, what | WaitIdOptions::NOWAIT).unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Harmless after `kill`. A destructor cannot report a failure.
        self.end().ok();
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    // A separate process group keeps Ctrl-C at the terminal away from the child. Ctrl-C ends the
    // test. The leash then kills the child, even a stopped server, which cannot handle the signal.
    command.arg("-c").arg(script).arg("sh").process_group(0);
    command
}

/// Waits for a line, sent once the leash is in place, then becomes the program.
const GATE: &str = r#"read -r _ && exec "$@""#;

/// Waits for the end of its input, which comes when the process at the other end exits.
const LEASH: &str = r#"
read -r _
kill -KILL "$1"
[ $# -lt 2 ] || rm -rf -- "$2"
"#;
