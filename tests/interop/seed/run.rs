//! Shell lines that run one of the two commands on servers of their own.

use std::env;
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use deadpool_redis::redis;
use redlock_tests::{Server, Servers};
use tokio::process::Command;

use crate::client::BOUND;
use crate::library::{command, installed};
use crate::seed::pattern::matches_lines;
use crate::seed::transcript::{Case, Expected};

/// A command with the name `redlock`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    Ours,
    RedlockPy,
}

impl Program {
    /// Returns a search path on which `redlock` is this command.
    pub(crate) fn search_path(self) -> OsString {
        let directory = match self {
            Self::Ours => command().parent().expect("a path").to_owned(),
            Self::RedlockPy => installed().join("python/bin"),
        };
        let rest = env::var_os("PATH").unwrap_or_default();
        let all = [directory].into_iter().chain(env::split_paths(&rest));
        env::join_paths(all.collect::<Vec<PathBuf>>()).expect("no separator in a path")
    }
}

/// The servers and the shell variables of a case.
#[derive(Debug)]
pub(crate) struct Stage {
    program: Program,
    /// None for a case that uses no server.
    servers: Option<Servers>,
    /// The output of the last step.
    out: String,
}

impl Stage {
    pub(crate) fn new(program: Program, case: &Case) -> Self {
        let mut lines = case.steps.iter().map(|step| &step.line);
        let needs_servers = lines.any(|line| line.contains("$NODES") || line.contains("$ONE"));
        let stage = Self {
            program,
            servers: needs_servers.then(|| Servers::start(3)),
            out: String::new(),
        };
        for server in stage.servers() {
            occupy(server, &case.given);
        }
        stage
    }

    fn servers(&self) -> &[Server] {
        self.servers.as_deref().unwrap_or_default()
    }

    /// Kills that many of the servers that still run, the last ones first.
    pub(crate) fn stop(&self, number: usize) {
        let running = self.servers().iter().rev().filter(|it| it.is_running());
        running.take(number).for_each(Server::kill);
    }

    /// Runs a line to its end.
    pub(crate) async fn run(&mut self, line: &str) -> Ran {
        let urls: Vec<String> = self.servers().iter().map(Server::url).collect();
        let nodes: Vec<String> = urls.iter().map(|url| format!("--redis {url}")).collect();
        let url = |index: usize| urls.get(index).cloned().unwrap_or_default();
        let key = self.out.trim_start_matches("b'").trim_end_matches('\'');
        let output = Command::new("/bin/sh")
            .args(["-c", line])
            .env("PATH", self.program.search_path())
            .env("NODES", nodes.join(" "))
            .envs([("ONE", url(0)), ("TWO", url(1)), ("THREE", url(2))])
            // Only root could listen on such ports.
            .envs([("DEAD", NOWHERE[0]), ("DOWN", NOWHERE[1])])
            .envs([("OUT", &*self.out), ("KEY", key)])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(BOUND, output).await;
        let output = output.unwrap_or_else(|_| panic!("still running: {line}"));
        let output = output.expect("the shell runs");
        let text = |bytes| String::from_utf8(bytes).expect("the output is text");
        let ran = Ran {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        self.out = ran.out.trim_end().to_owned();
        ran
    }

    /// Waits until the key is on that many servers. A command may end before the last one has carried
    /// out what it was sent.
    pub(crate) async fn has_key_on(&self, expected: &RangeInclusive<usize>) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let running = self.servers().iter().filter(|it| it.is_running());
            let count = running.filter(|it| it.probe().exists("job")).count();
            if expected.contains(&count) {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(5) {
                return Err(format!(
                    "the key is on {count} servers, not on {expected:?}"
                ));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What a line printed and returned.
#[derive(Debug)]
pub(crate) struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    pub(crate) fn differences(&self, expected: &Expected) -> Vec<String> {
        let mut differences = Vec::new();
        let is_warning = |line: &&str| line.starts_with("redlock: warning:");
        let out: Vec<_> = self.out.lines().collect();
        let err: Vec<_> = self.err.lines().filter(|it| !is_warning(it)).collect();
        let streams = [(&expected.out, out), (&expected.err, err)];
        for (patterns, lines) in streams {
            let patterns = patterns.as_deref().unwrap_or_default();
            if !matches_lines(patterns, &lines) {
                differences.push(format!("printed {lines:?}, not {patterns:?}"));
            }
        }
        if self.code != expected.code {
            differences.push(format!("returned {:?}, not {:?}", self.code, expected.code));
        }
        differences
    }
}

/// Brings the key `job` into the state in which a case begins.
fn occupy(server: &Server, given: &[String]) {
    let probe = server.probe();
    let words: Vec<_> = given.iter().map(String::as_str).collect();
    match words[..] {
        [] => {}
        ["held"] => probe.set("job", "other", Duration::from_secs(600)),
        ["held", millis] => {
            let millis = millis.parse().expect("milliseconds");
            probe.set("job", "other", Duration::from_millis(millis));
        }
        ["endless"] => probe.set("job", "other", None),
        ["list"] => {
            let push = redis::cmd("RPUSH").arg("job").arg("data").clone();
            let _length: u64 = probe.query(&push);
        }
        _ => panic!("no meaning: given {given:?}"),
    }
}

const NOWHERE: [&str; 2] = ["redis://127.0.0.1:1", "redis://127.0.0.1:2"];
