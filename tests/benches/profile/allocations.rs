//! Allocations, polls and thread parks of this process, and commands of the servers.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redlock_benches::{Args, Contender, Load, Meter, Runner};
use redlock_tests::Servers;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::ALLOCATOR;
use crate::subject::Subject;

/// Prints the profile of all subjects.
pub(crate) fn print(args: Args) {
    let servers = Servers::start(5);
    let urls = servers.urls();
    let meter = Meter::new(&urls);
    let locks = args.pick(512, 8_192);
    let threads = Arc::new(Runtime::new().expect("a runtime"));
    let thread = Builder::new_current_thread().enable_all().build();
    let thread = Arc::new(thread.expect("a runtime"));
    println!("5 nodes, per lock and release");
    println!(
        "  {:<42}{:>13}{:>10}{:>8}{:>8}",
        "", "allocations", "bytes", "polls", "parks"
    );
    let mut commands = Vec::new();
    for subject in Subject::ALL {
        for (kind, runtime) in [("threads", &threads), ("current_thread", &thread)] {
            if !is_of_interest(subject, kind) {
                continue;
            }
            for tasks in [1, 64] {
                let load = Load { tasks, locks };
                let runner = subject.connect(&urls, runtime);
                let (row, calls) = profile(runner, load, &meter);
                let label = match subject {
                    Subject::Raw | Subject::RawFenced => {
                        format!("{}, {tasks} at once", subject.name())
                    }
                    _ => format!("{}, {kind}, {tasks} at once", subject.name()),
                };
                println!("  {label:<42}{row}");
                commands.push((label, calls));
            }
        }
    }
    println!("\ncommands of all servers per lock, including those in scripts");
    for (label, calls) in commands.into_iter().filter(|(_, calls)| !calls.is_empty()) {
        println!("  {label:<42} {}", calls.join(", "));
    }
}

/// Whether a subject is profiled on this kind of runtime. The raw client has none.
fn is_of_interest(subject: Subject, kind: &str) -> bool {
    match subject {
        Subject::Unfenced | Subject::Fenced => true,
        _ => kind == "threads",
    }
}

/// Makes the locks after a round that warms up. Returns the cost of one as a table row, and the
/// commands.
fn profile(runner: Runner, load: Load, meter: &Meter) -> (String, Vec<String>) {
    let polls = Arc::new(AtomicU64::new(0));
    let handle = match &runner {
        Runner::Tasks(runtime, _) => Some(runtime.handle().clone()),
        Runner::Raw(_) => None,
    };
    let parks = || handle.as_ref().map_or(0, parks);
    let mut work: Box<dyn FnMut()> = match runner {
        Runner::Raw(mut raw) => Box::new(move || drop(raw.run(load.tasks, load.locks))),
        Runner::Tasks(runtime, contender) => {
            let names: Arc<[String]> = (0..load.locks)
                .map(|number| contender.name(number))
                .collect();
            let polls = Arc::clone(&polls);
            Box::new(move || runtime.block_on(lock(load, &contender, &names, &polls)))
        }
    };
    work();
    polls.store(0, Ordering::Relaxed);
    let traffic = meter.read();
    let (before, parks_before) = (ALLOCATOR.stats(), parks());
    work();
    let (after, parks) = (ALLOCATOR.stats(), parks() - parks_before);
    let calls = after.allocations + after.reallocations - before.allocations - before.reallocations;
    let bytes = after.bytes_allocated - before.bytes_allocated;
    let each = |count: f64| count / load.locks as f64;
    let row = format!(
        "{:>13.1}{:>10.0}{:>8.2}{:>8.2}",
        each(calls as f64),
        each(bytes as f64),
        each(polls.load(Ordering::Relaxed) as f64),
        each(parks as f64),
    );
    let traffic = meter.read() - &traffic;
    let commands = traffic.calls.into_iter();
    let commands = commands.map(|(command, calls)| format!("{command} {:.2}", each(calls as f64)));
    (row, commands.collect())
}

/// Makes the locks of a load, and counts the polls of the futures that make one each.
///
/// A lock allocates its own name, as an application does. The other names exist already.
async fn lock(load: Load, contender: &Contender, names: &Arc<[String]>, polls: &Arc<AtomicU64>) {
    let each = load.locks / load.tasks;
    let tasks: Vec<_> = (0..load.tasks)
        .map(|task| {
            let (contender, names) = (contender.clone(), Arc::clone(names));
            let polls = Arc::clone(polls);
            tokio::spawn(async move {
                for name in &names[task * each..(task + 1) * each] {
                    counted(contender.lock_named(name.clone()), &polls).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task of the benchmark");
    }
}

/// Returns how often threads of a runtime have parked.
fn parks(handle: &Handle) -> u64 {
    let metrics = handle.metrics();
    let workers = 0..metrics.num_workers();
    workers
        .map(|worker| metrics.worker_park_count(worker))
        .sum()
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
