//! Benchmark of contention: many contenders for one resource on local servers, with `rslock` as the
//! peer.
//!
//! `cargo bench -p redlock-benches --bench contended -- [--quick] [SECTION ...] [NUMBER ...]`
//!
//! - `tasks`: eight tasks of one process
//! - `fleet`: 8, 32, 64 and 200 managers, or the given numbers of them
//! - `crowd`: five hundred waiters in four processes
//! - `cut`: invalidation pushes that do not arrive
//! - `mute`: no messages at all, with 32 managers
//! - `hung`, `dead`: two of eight waiters are suspended or killed
//! - `idle`: waiters, while a holder keeps the lock
//! - `foreign`: holders and pollers of another library
//! - `split`: contenders that release at once, so that votes split
//!
//! A contender takes the lock, holds it for 2 ms, releases it and requests it again at once.
//! Contenders always run in other processes, which are this program started as a worker. A manager
//! has its own thread, runtime and connections. The benchmark verifies that no two contenders hold
//! the lock at once. It also writes the figures to `target/bench/contended.json`.
//!
//! A wait that is cut short by the end of the run counts with its time so far. Read the ratios, to
//! the other library or to the ideal: absolute times depend on the machine and its other load. The
//! ideal is the rate at which a contender without competitors holds the lock, without the time
//! between its turns.

mod args;
mod contender;
mod contest;
mod crew;
mod figures;
mod hold;
mod ideal;
mod job;
mod library;
mod load;
mod manager;
mod memory;
mod report;
mod round;
mod sections;
mod turns;
mod venue;
mod window;
mod witness;
mod worker;

use std::env;
use std::process::exit;

use tokio::runtime::Runtime;

use crate::args::Args;
use crate::job::Job;
use crate::report::Report;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if let Some(job) = Job::from_args(&args) {
        return worker::work(&job);
    }
    let args = Args::parse(&args).unwrap_or_else(|usage| {
        eprintln!("{usage}");
        exit(2);
    });
    let mut report = Report::new(args.quick);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(sections::run(&args, &mut report));
    report.save();
}
