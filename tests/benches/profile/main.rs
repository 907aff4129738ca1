//! Profile of one lock and its release.
//!
//! `cargo bench -p redlock-benches --bench profile` prints allocations, polls and thread parks of
//! this process, and commands of the servers.
//!
//! The client's instructions are counted by valgrind, which must be installed:
//!
//! ```console
//! $ cargo bench -p redlock-benches --bench profile --features rustix/use-libc -- instructions
//! ```
//!
//! Names of contenders, as in its table, select some of them. Each is a separate run of this
//! program on a `current_thread` runtime. Two runs differ only in their number of locks, so the
//! difference of their instructions leaves out connecting and warming up. The profiles of the
//! longer runs are kept for `callgrind_annotate`. The servers are not slowed down, so batches are
//! larger than without valgrind.
//!
//! The feature is for valgrind, under which `rustix` does not find the kernel's clock by itself.

mod allocations;
mod instructions;
mod subject;

use std::alloc::System;
use std::env;

use redlock_benches::Args;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let args: Vec<String> = env::args()
        .skip(1)
        // `cargo bench` adds this.
        .filter(|arg| arg != "--bench")
        .collect();
    match args.split_first() {
        Some((verb, names)) if verb == "instructions" => instructions::print(names),
        Some((verb, job)) if verb == instructions::JOB => instructions::work(job),
        _ => allocations::print(Args::from_env()),
    }
}
