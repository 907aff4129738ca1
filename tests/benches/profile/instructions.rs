//! Instructions of the client, counted by valgrind.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use redlock_benches::{Contender, Load, file};
use redlock_tests::Servers;
use tokio::runtime::{self, Runtime};

use crate::subject::Subject;

/// The first argument of a process that is counted.
pub(crate) const JOB: &str = "job";

/// Prints the instructions of one lock of the named subjects, or of all.
///
/// # Panics
///
/// Panics if valgrind is not installed.
pub(crate) fn print(names: &[String]) {
    let named = names.iter().map(|name| {
        Subject::named(name).unwrap_or_else(|| {
            let all = Subject::ALL.map(Subject::name).join(", ");
            panic!("{name}: expected one of {all}")
        })
    });
    let mut subjects: Vec<_> = named.collect();
    if subjects.is_empty() {
        subjects = Subject::ALL.to_vec();
    }
    let servers = Servers::start(5);
    let urls = servers.urls();
    // Makes a deployment of the servers, and loads the scripts for the raw client.
    let prepared = runtime().block_on(Contender::redlock(&urls, true));
    println!("client instructions per lock and release, 5 nodes, current_thread");
    println!("  {:<20}{:>12}{:>12}", "", "1 task", "64 tasks");
    for subject in subjects {
        let [one, many] = [1, 64].map(|tasks| count(subject, tasks, &urls));
        println!("  {:<20}{one:>12.0}{many:>12.0}", subject.name());
    }
    drop(prepared);
    println!("profiles: {}", file::kept("callgrind.NAME.TASKS").display());
}

/// Runs a subject as the arguments say. This is the process that is counted.
///
/// Every round locks the same resources, so that counters exist from the second round on.
pub(crate) fn work(job: &[String]) {
    let [name, tasks, rounds, urls @ ..] = job else {
        panic!("expected a subject, tasks, rounds and URLs: {job:?}");
    };
    let tasks = tasks.parse().expect("a number of tasks");
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let subject = Subject::named(name).expect("a subject");
    let mut runner = subject.connect(urls, &runtime());
    for _ in 0..rounds {
        runner.work(load(tasks));
    }
}

/// Returns the instructions of one lock.
fn count(subject: Subject, tasks: usize, urls: &[String]) -> f64 {
    let [few, many] = ROUNDS.map(|rounds| run(subject, tasks, rounds, urls));
    let locks = load(tasks).locks * (ROUNDS[1] - ROUNDS[0]);
    (many - few) / locks as f64
}

/// Returns the instructions of a run, and keeps its profile.
fn run(subject: Subject, tasks: usize, rounds: usize, urls: &[String]) -> f64 {
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!(
            "--callgrind-out-file={}",
            profile(subject, tasks).display()
        ))
        .arg(env::current_exe().expect("the path of this program"))
        .args([JOB, subject.name(), &tasks.to_string(), &rounds.to_string()])
        .args(urls)
        .output()
        .expect("valgrind, which must be installed");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let mut counts = text.lines().filter_map(|line| {
        let (_, count) = line.split_once("Collected : ")?;
        count.trim().parse().ok()
    });
    counts.next().unwrap_or_else(|| panic!("no count:\n{text}"))
}

fn profile(subject: Subject, tasks: usize) -> PathBuf {
    file::kept(&format!("callgrind.{}.{tasks}", subject.name()))
}

/// Returns the load of a round.
fn load(tasks: usize) -> Load {
    let locks = if tasks == 1 { 512 } else { 2048 };
    Load { tasks, locks }
}

fn runtime() -> Arc<Runtime> {
    let mut builder = runtime::Builder::new_current_thread();
    Arc::new(builder.enable_all().build().expect("a runtime"))
}

/// The rounds of the two runs. The first round of each warms up.
const ROUNDS: [usize; 2] = [2, 4];
