//! What waiting for a lock costs: many want one resource, on servers on this machine, against
//! `rslock`.
//!
//! `cargo bench -p redlock-benches --bench contended -- [--quick] [SECTION ...]`
//!
//! - `tasks`: eight tasks of one process
//! - `processes`: eight processes
//! - `crowd`: five hundred waiters in four processes
//! - `cut`: servers that refuse to tell of releases
//! - `idle`: one waiter, and a holder that keeps the lock
//! - `split`: nobody holds for long, so that votes split
//!
//! Contenders take the lock, hold it for 2 ms, release it, and want it again at once. They are
//! always other processes: this program again, as a worker. That never two of them hold the lock
//! is checked meanwhile. The figures go to `target/bench/contended.json` as well.
//!
//! Waits that end with the run are in the longest wait as far as they got, and in no percentile.
//! Read the ratios between the libraries: the absolute times are those of one machine, and of what
//! else it does.

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

// Two threads everywhere, however many cores there are, so that figures of machines compare.
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
