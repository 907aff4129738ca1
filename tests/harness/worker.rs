use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::process::Process;

/// Another operating system process that takes locks: the program `redlock-test-worker`.
///
/// Tests pass its path in, as only they know it: `env!("CARGO_BIN_EXE_redlock-test-worker")`. On
/// drop it is killed.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Worker {
    /// Has the worker take the lock `count` times, and count that in `file` while it holds it.
    ///
    /// It prints `done <count>`, and leaves `<count of all workers> <last token>` in the file. The
    /// count is right only if no two workers ever hold the lock at once. A worker that meets another
    /// one in there fails, and so does one whose fencing token is not larger than the last. Without
    /// fencing, 0 stands for the token.
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

    /// Has the worker take the lock, print `held <lease id> <token>`, and keep it until [`let_go`],
    /// when it prints `released`. Should it lose the lock before that, it prints `lost` and ends.
    ///
    /// [`let_go`]: Self::let_go
    pub fn hold(program: &str, urls: &[String], resource: &str, ttl: Duration) -> Self {
        let ttl = ttl.as_millis().to_string().into();
        Self::spawn(
            program,
            ["hold".into(), urls.join(",").into(), resource.into(), ttl],
        )
    }

    /// Starts any program that ends when its input does.
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

    /// The next line the worker prints, or `None` when there is no other.
    ///
    /// # Panics
    ///
    /// Panics when there is neither a line nor an end within `bound`.
    pub async fn line(&mut self, bound: Duration) -> Option<String> {
        timeout(bound, self.lines.recv())
            .await
            .unwrap_or_else(|_| panic!("silent for {bound:?}"))
    }

    /// Waits for the worker to end, and returns what else it prints.
    ///
    /// # Panics
    ///
    /// Panics when the worker fails, or has not ended within `bound`.
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
            .unwrap_or_else(|_| panic!("works for {bound:?}"));
        let status = self.process.kill().unwrap();
        assert!(status.success(), "the worker failed ({status}): {lines:?}");
        lines
    }

    /// Tells the worker to release the lock that it holds, and to end.
    pub fn let_go(&mut self) {
        self.input = None;
    }

    /// Stops the worker in mid-air, as a long pause of any kind would.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets a paused worker go on.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Kills the worker: it releases nothing.
    pub fn kill(self) {
        self.process.kill().unwrap();
    }
}

const INTERVAL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_talks_until_it_is_told_to_let_go() {
        let mut worker = sh("echo held; read -r line; echo released");
        assert_eq!(worker.line(BOUND).await.unwrap(), "held");

        worker.let_go();
        assert_eq!(worker.finish(BOUND).await, ["released"]);
    }

    #[tokio::test]
    #[should_panic(expected = "the worker failed (exit status: 3): [\"overlap\"]")]
    async fn a_failure_is_reported_with_its_reason() {
        sh("echo overlap; exit 3").finish(BOUND).await;
    }

    #[tokio::test]
    #[should_panic(expected = "silent for 50ms")]
    async fn a_paused_worker_says_nothing() {
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
