//! The worker process of this benchmark.

use std::io::{self, Read};
use std::sync::mpsc;
use std::thread;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::job::Job;
use crate::manager::Manager;
use crate::memory;

/// Runs a worker process.
///
/// It prints `ready` and starts the contenders when its input closes. It prints its memory use at
/// three times, and then the turns of each contender, one line each.
///
/// The input closes when the benchmark starts the run or exits. In the latter case the harness
/// kills this process at once.
///
/// # Panics
///
/// Panics if the lock cannot be taken or is lost.
pub(crate) fn work(job: &Job) {
    let (ready, managers_ready) = mpsc::channel();
    let (starter, start) = watch::channel(None);
    let managers: Vec<_> = (0..job.managers)
        .map(|index| Manager::new(job, index).spawn(ready.clone(), start.clone()))
        .collect();
    drop(ready);
    for _ in &managers {
        managers_ready.recv().expect("a manager that is ready");
    }

    println!("ready");
    let mut input = io::stdin();
    input.read_to_end(&mut Vec::new()).expect("an input");

    let start = Instant::now();
    starter.send_replace(Some(start));
    for part in [0.1, 0.5, 0.95] {
        let at = start + job.lead + job.run.mul_f64(part);
        thread::sleep(at.saturating_duration_since(Instant::now()));
        println!("{}", memory::resident());
    }
    for manager in managers {
        for turns in manager.join().expect("a manager") {
            println!("{turns}");
        }
    }
}
