//! Profile of one lock and its release: allocations, polls and thread parks of this process, and
//! commands of the servers.
//!
//! `cargo bench -p redlock-benches --bench profile`
//!
//! With a number, the program makes only that many locks, on nodes in memory or, with `--servers`,
//! on servers. This serves to count instructions: the difference between two runs is divided by the
//! difference in locks.
//!
//! ```console
//! $ cargo bench -p redlock-benches --bench profile --no-run --features rustix/use-libc
//! $ valgrind --tool=callgrind --callgrind-out-file=a target/release/deps/profile-… 1000
//! $ valgrind --tool=callgrind --callgrind-out-file=b target/release/deps/profile-… 3000
//! $ callgrind_annotate b | head -60   # (total of b - total of a) / 2000 is one lock
//! ```
//!
//! The feature is for valgrind, under which `rustix` does not find the kernel's clock by itself.

use std::alloc::System;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redlock::{MemoryNode, Redlock, RedlockBuilder};
use redlock_benches::{Args, Meter};
use redlock_tests::Servers;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::Handle;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[tokio::main]
async fn main() {
    let args = Args::from_env();
    let servers = match args.number {
        Some(_) if !args.servers => None,
        _ => Some(Servers::start(5)),
    };
    let in_memory = || Redlock::builder().nodes(MemoryNode::cluster::<5>());
    let urls = servers.as_ref().map(Servers::urls).unwrap_or_default();
    let on_servers = || Redlock::builder().nodes(&urls);
    if let Some(locks) = args.number {
        let builder = if args.servers {
            on_servers()
        } else {
            in_memory()
        };
        Run::new(1, locks).on(builder).await;
        return;
    }

    let meter = Meter::new(&urls);
    let locks = args.pick(512, 8_192);
    println!("5 nodes, per lock and release");
    println!(
        "  {:<34}{:>13}{:>10}{:>8}{:>8}",
        "", "allocations", "bytes", "polls", "parks"
    );
    let mut commands = Vec::new();
    for (nodes, tasks) in [("memory", 1), ("servers", 1), ("servers", 64)] {
        for fencing in [false, true] {
            let builder = if nodes == "memory" {
                in_memory()
            } else {
                on_servers()
            };
            let kind = if fencing { "fenced" } else { "unfenced" };
            let label = format!("{nodes}, {kind}, {tasks} at once");
            let before = meter.read();
            let taken = Run::new(tasks, locks).on(builder.fencing(fencing)).await;
            println!("  {label:<34}{taken}");
            let traffic = meter.read() - &before;
            commands.push((label, traffic.calls));
        }
    }
    println!("\ncommands of all servers per lock, including those in scripts");
    for (label, calls) in commands.into_iter().filter(|(_, calls)| !calls.is_empty()) {
        let calls = calls.into_iter().map(|(command, calls)| {
            let calls = calls as f64 / (WARM + locks) as f64;
            format!("{command} {calls:.2}")
        });
        let calls: Vec<_> = calls.collect();
        println!("  {label:<34} {}", calls.join(", "));
    }
}

/// A run that makes a number of locks.
struct Run {
    tasks: usize,
    locks: usize,
    /// The number of polls of request and release futures.
    polls: Arc<AtomicU64>,
}

impl Run {
    fn new(tasks: usize, locks: usize) -> Self {
        Self {
            tasks,
            locks,
            polls: Arc::default(),
        }
    }

    /// Makes the locks after a warm-up, and returns the cost of one as a table row.
    async fn on(self, builder: RedlockBuilder) -> String {
        let redlock = builder.connect().await.expect("a quorum of nodes");
        self.lock(&redlock, WARM).await;
        self.polls.store(0, Ordering::Relaxed);
        let (before, parks) = (ALLOCATOR.stats(), parks());
        self.lock(&redlock, self.locks).await;
        let (after, parks) = (ALLOCATOR.stats(), self::parks() - parks);
        let calls =
            after.allocations + after.reallocations - before.allocations - before.reallocations;
        let bytes = after.bytes_allocated - before.bytes_allocated;
        let polls = self.polls.load(Ordering::Relaxed);
        let each = |count: f64| count / self.locks as f64;
        format!(
            "{:>13.1}{:>10.0}{:>8.2}{:>8.2}",
            each(calls as f64),
            each(bytes as f64),
            each(polls as f64),
            each(parks as f64)
        )
    }

    async fn lock(&self, redlock: &Redlock, locks: usize) {
        let each = locks / self.tasks;
        let tasks: Vec<_> = (0..self.tasks)
            .map(|task| {
                let (redlock, polls) = (redlock.clone(), Arc::clone(&self.polls));
                tokio::spawn(async move {
                    for number in task * each..(task + 1) * each {
                        let request = redlock.lock(number.to_string());
                        let guard = counted(request, &polls).await.expect("a free lock");
                        let release = counted(guard.release(), &polls).await;
                        release.expect("a release");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task of the benchmark");
        }
    }
}

/// Awaits `future` and counts its polls.
async fn counted<F: Future>(future: F, polls: &AtomicU64) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.fetch_add(1, Ordering::Relaxed);
        future.as_mut().poll(cx)
    })
    .await
}

/// Returns how often threads of the runtime have parked.
fn parks() -> u64 {
    let metrics = Handle::current().metrics();
    let workers = 0..metrics.num_workers();
    workers
        .map(|worker| metrics.worker_park_count(worker))
        .sum()
}

/// The number of locks made before counting starts.
const WARM: usize = 1_024;
