//! Worker processes that take locks.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::process::Process;

/// A separate operating system process that takes locks: the program `redlock-test-worker`.
///
/// Tests pass in its path, because only they know it: `env!("CARGO_BIN_EXE_redlock-test-worker")`.
/// Dropping it kills the process.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Worker {
    /// Starts a worker that takes the lock `count` times and counts each time in `file`.
    ///
    /// The worker prints `done <count>`. The file then contains
    /// `<count of all workers> <last token>`. The count is correct only if no two workers ever held
    /// the lock at once. A worker fails if it meets another one in the critical section, or if its
    /// fencing token is not larger than the last. Without fencing, the token is written as 0.
    pub fn contend(
        program: &str,
        urls: &[String],
        resource: &str,
        count: u32,
        file: &Path,
    ) -> Self {
        let count = count.to_string().into();
        let urls = urls.join(",").into();
        Self::spawn(
            program,
            ["contend".into(), urls, resource.into(), count, file.into()],
        )
    }

    /// Starts a worker that uses a manager and forks. The children and it then do what a worker of
    /// [`contend`](Self::contend) does, all with the same manager.
    pub fn fork(
        program: &str,
        urls: &[String],
        resource: &str,
        (children, count): (u32, u32),
        file: &Path,
    ) -> Self {
        let [children, count] = [children, count].map(|it| it.to_string().into());
        let (urls, resource) = (urls.join(",").into(), resource.into());
        Self::spawn(
            program,
            ["fork".into(), urls, resource, children, count, file.into()],
        )
    }

    /// Starts a worker that takes the lock and holds it until [`let_go`].
    ///
    /// It prints `held <lease id> <token>` once it holds the lock, and `released` after [`let_go`].
    /// If it loses the lock before that, it prints `lost` and exits.
    ///
    /// [`let_go`]: Self::let_go
    pub fn hold(program: &str, urls: &[String], resource: &str, ttl: Duration) -> Self {
        let ttl = ttl.as_millis().to_string().into();
        Self::spawn(
            program,
            ["hold".into(), urls.join(",").into(), resource.into(), ttl],
        )
    }

    /// Starts any program that exits when its input closes.
    pub fn spawn(program: &str, args: impl IntoIterator<Item = OsString>) -> Self {
        let output = (Stdio::piped(), Stdio::inherit());
        let mut process = Process::spawn(program.as_ref(), args, output, None).unwrap();
        let input = process.take_stdin();
        let output = process.take_stdout().unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(io::Result::ok) {
                sender.send(line).ok();
            }
        });
        Self {
            process,
            input,
            lines,
        }
    }

    /// Waits for the next line that the worker prints. Returns `None` at the end of its output.
    ///
    /// # Panics
    ///
    /// Panics if neither a line nor the end arrives within `bound`.
    pub async fn line(&mut self, bound: Duration) -> Option<String> {
        timeout(bound, self.lines.recv())
            .await
            .unwrap_or_else(|_| panic!("the worker printed nothing for {bound:?}"))
    }

    /// Waits for the worker to exit and returns the rest of its output.
    ///
    /// # Panics
    ///
    /// Panics if the worker fails, or if it has not exited within `bound`.
    pub async fn finish(mut self, bound: Duration) -> Vec<String> {
        let end = async {
            let mut lines = Vec::new();
            while let Some(line) = self.lines.recv().await {
                lines.push(line);
            }
            while !self.process.has_ended() {
                sleep(INTERVAL).await;
            }
            lines
        };
        let lines = timeout(bound, end)
            .await
            .unwrap_or_else(|_| panic!("the worker is still running after {bound:?}"));
        let status = self.process.kill().unwrap();
        assert!(status.success(), "the worker failed ({status}): {lines:?}");
        lines
    }

    /// Writes a line to the worker's input.
    pub fn send(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the worker's input is open");
        writeln!(input, "{line}").expect("the worker reads its input");
    }

    /// Closes the worker's input, on which it releases its lock and exits.
    pub fn let_go(&mut self) {
        self.input = None;
    }

    /// Suspends the worker, as a long pause of any kind would.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Resumes a paused worker.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Kills the worker. It does not release its lock.
    pub fn kill(self) {
        self.process.kill().unwrap();
    }
}

const INTERVAL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_runs_until_its_input_closes() {
        let mut worker = sh("echo held; read -r line; echo released");
        assert_eq!(worker.line(BOUND).await.unwrap(), "held");

        worker.let_go();
        assert_eq!(worker.finish(BOUND).await, ["released"]);
    }

    #[tokio::test]
    async fn a_worker_reads_what_is_sent() {
        let mut worker = sh("read -r line; echo \"read $line\"; read -r line");
        worker.send("two words");
        assert_eq!(worker.line(BOUND).await.unwrap(), "read two words");
        drop(worker);
    }

    #[tokio::test]
    #[should_panic(expected = "the worker failed (exit status: 3): [\"overlap\"]")]
    async fn a_failure_is_reported_with_its_reason() {
        sh("echo overlap; exit 3").finish(BOUND).await;
    }

    #[tokio::test]
    #[should_panic(expected = "the worker printed nothing for 50ms")]
    async fn a_paused_worker_prints_nothing() {
        let mut worker = sh("while sleep 0.01; do echo .; done");
        worker.line(BOUND).await.unwrap();
        worker.pause();
        while worker.lines.try_recv().is_ok() {}
        worker.line(Duration::from_millis(50)).await;
    }

    fn sh(script: &str) -> Worker {
        Worker::spawn("/bin/sh", ["-c".into(), script.into()])
    }

    const BOUND: Duration = Duration::from_secs(10);
}
