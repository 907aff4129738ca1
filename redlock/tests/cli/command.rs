//! Runs of the command, to completion or in the background.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redlock_tests::Servers;
use rustix::process::{Pid, Signal, kill_process};

/// Returns the command with these nodes, and without any `REDLOCK_` variable.
pub(crate) fn redlock<'a>(nodes: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redlock"));
    for (variable, _) in std::env::vars_os() {
        if variable.as_encoded_bytes().starts_with(b"REDLOCK_") {
            command.env_remove(variable);
        }
    }
    for node in nodes {
        command.args(["--redis", node]);
    }
    command.stdin(Stdio::null());
    command
}

/// Returns the command with real servers as its nodes.
pub(crate) fn redlock_on(servers: &Servers) -> Command {
    let urls = servers.urls();
    redlock(urls.iter().map(String::as_str))
}

/// The outcome of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code, or the negated number of the signal that ended it.
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Runs a command to completion.
    #[track_caller]
    pub(crate) fn of(command: &mut Command) -> Self {
        Started::new(command).finish()
    }

    /// Runs the command on `servers` to completion.
    #[track_caller]
    pub(crate) fn on<'a>(servers: &Servers, args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of(redlock_on(servers).args(args))
    }

    /// Fails the test unless it exited with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// A command in the background. Killed on drop.
#[derive(Debug)]
pub(crate) struct Started {
    process: Child,
    out: BufReader<ChildStdout>,
}

impl Started {
    #[track_caller]
    pub(crate) fn new(command: &mut Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        Self { process, out }
    }

    /// Returns the next line of stdout, or an empty string at its end.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Writes to stdin and closes it.
    #[track_caller]
    pub(crate) fn write(&mut self, text: &str) {
        let mut input = self.process.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
    }

    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    #[track_caller]
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Waits for the end of the command and of every process that writes to its output.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Ran {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < TIMEOUT, "still running: {self:?}");
            thread::sleep(Duration::from_millis(5));
        };
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        let stderr = self.process.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut err).unwrap();
        let code = code(status);
        Ran { code, out, err }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // The command has ended already, unless the test failed.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let signal = || -status.signal().unwrap();
    status.code().unwrap_or_else(signal)
}

/// A time limit far above the duration of any step, and below that of commands to be stopped.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
