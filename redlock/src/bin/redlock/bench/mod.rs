//! The verb `redlock bench`.

mod load;
mod output;

use std::time::{Duration, Instant};

use redlock::LockError;

use crate::args::{BenchArgs, NodeArgs};
use crate::bench::load::Load;
use crate::console::Console;
use crate::failure::{Failure, NO_QUORUM};
use crate::histogram::Histogram;
use crate::nodes::shut_down;
use crate::signals::Signals;

/// The outcome of a load.
struct Measured {
    nodes: usize,
    tasks: u16,
    ttl: Duration,
    time: Duration,
    /// The times of single acquisitions.
    times: Histogram,
    failed: u64,
    /// The first failure.
    failure: Option<LockError>,
}

/// Loads the nodes for a while, and prints how many locks they have granted.
pub(crate) async fn bench(
    args: &BenchArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let builder = nodes.builder()?;
    let configured = builder.clone().build()?;
    // The counters of the load are of no use later.
    let retention = configured.max_ttl().saturating_mul(2);
    let manager = builder.fence_retention(retention).build();
    let manager = manager.unwrap_or(configured);
    let nodes = manager.configured_nodes().len();
    let mut signals = Signals::listen()?;
    let time = args.time;
    console.print(&format!(
        "redlock: {} tasks take and release locks on {nodes} nodes for {}: Ctrl-C ends it",
        args.tasks,
        humantime::format_duration(time)
    ));
    let load = Load::new(&manager);
    // Connections are made, and a deployment is formed, before the measurement.
    let first = tokio::select! {
        biased;
        signal = signals.next() => Err(Failure::interrupted(signal)),
        first = load.first() => first.map_err(Failure::from),
    };
    if let Err(failure) = first {
        shut_down(&manager).await;
        return Err(failure);
    }
    let start = Instant::now();
    let tasks = load.start(args.tasks);
    let interrupted = tokio::select! {
        biased;
        signal = signals.next() => Some(signal),
        () = tokio::time::sleep(time) => None,
    };
    let counts = tasks.finish().await;
    let measured = Measured {
        nodes,
        tasks: args.tasks,
        ttl: manager.ttl(),
        time: start.elapsed(),
        times: counts.times,
        failed: counts.failed,
        failure: counts.failure,
    };
    shut_down(&manager).await;
    // A closed stdout is no failure.
    console
        .toned_result(|| measured.lines(), || measured.json())
        .ok();
    match interrupted {
        Some(signal) => Err(Failure::interrupted(signal)),
        None if measured.failed > 0 => Ok(NO_QUORUM),
        None => Ok(0),
    }
}
