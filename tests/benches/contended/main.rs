//! Benchmark of contention: many contenders for one resource on local servers, with `rslock` as the
//! peer.
//!
//! `cargo bench -p redlock-benches --bench contended -- [--quick] [SECTION ...]`
//!
//! - `tasks`: eight tasks of one process
//! - `processes`: eight processes
//! - `crowd`: five hundred waiters in four processes
//! - `cut`: invalidation pushes that do not arrive
//! - `idle`: one waiter, while a holder keeps the lock
//! - `split`: contenders that release at once, so that votes split
//!
//! A contender takes the lock, holds it for 2 ms, releases it and requests it again at once.
//! Contenders always run in other processes, which are this program started as a worker. The
//! benchmark verifies that no two contenders hold the lock at once. It also writes the figures to
//! `target/bench/contended.json`.
//!
//! A wait that is cut short by the end of the run counts towards the longest wait, but not towards
//! the percentiles. Read the ratios between the libraries: absolute times depend on the machine and
//! its other load.

mod args;
mod contender;
mod crew;
mod figures;
mod hold;
mod job;
mod library;
mod load;
mod memory;
mod report;
mod round;
mod sections;
mod turns;
mod witness;
mod worker;

use std::env;
use std::process::exit;

use crate::args::Args;
use crate::job::Job;
use crate::report::Report;

// Always two threads, so that figures from machines with different core counts compare.
#[tokio::main(worker_threads = 2)]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if let Some(job) = Job::from_args(&args) {
        return worker::work(job).await;
    }
    let args = Args::parse(&args).unwrap_or_else(|usage| {
        eprintln!("{usage}");
        exit(2);
    });
    let mut report = Report::new(args.quick);
    sections::run(&args, &mut report).await;
    report.save();
}
