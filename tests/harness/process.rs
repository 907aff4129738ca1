use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::{io, io::Write, os::unix::process::CommandExt};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// Another process, which does not outlive this one.
///
/// It is killed on drop. For the case that nothing here runs any more, because this process was
/// killed outright, a second process, the *leash*, waits for the pipe between it and us to close
/// and then does the killing.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    leash: Child,
}

impl Process {
    /// Starts `program`. When the leash has to act it also removes `litter`, a directory.
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
        // Should the leash not start, the child's input closes here and it never becomes the program.
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

    /// Whether the process has ended. It is not reaped by this.
    pub(crate) fn has_ended(&self) -> bool {
        self.look(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
    }

    /// Stops the process, and returns when it has stopped.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        self.look(WaitIdOptions::STOPPED | WaitIdOptions::EXITED);
    }

    /// Lets a stopped process go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills the process if it still runs, and returns how it ended.
    ///
    /// A stopped process is not woken up for that: it does not get to answer what has reached it
    /// since.
    pub(crate) fn kill(mut self) -> io::Result<ExitStatus> {
        self.end()
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        // Only when the leash is gone may the child be reaped: its number is then free for others.
        self.leash.kill()?;
        self.leash.wait()?;
        self.child.wait()
    }

    fn signal(&self, signal: Signal) {
        // A process that has ended, but was not reaped, takes signals without complaint.
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn look(&self, what: WaitIdOptions) -> bool {
        let id = WaitId::Pid(Pid::from_child(&self.child));
        waitid(id, what | WaitIdOptions::NOWAIT).unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Harmless after `kill`. There is nobody to tell of a failure.
        self.end().ok();
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    // A process group of its own: Ctrl-C at the terminal ends the test, and the leash does the rest
    // even for servers that are stopped and would not see the signal.
    command.arg("-c").arg(script).arg("sh").process_group(0);
    command
}

/// Becomes the program once the leash is in place.
const GATE: &str = r#"read -r _ && exec "$@""#;

/// Waits for the end of its input, which is the end of the process that holds the other side.
const LEASH: &str = r#"
read -r _
kill -KILL "$1"
[ $# -lt 2 ] || rm -rf -- "$2"
"#;
