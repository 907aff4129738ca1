//! Measurements of all contenders on healthy nodes.

use redlock_benches::{Args, Case, Load, Meter, Results, Runner};

use crate::lineup::{
    BARE, FENCED, FENCED_THREAD, RAW, RAW_FENCED, RSLOCK, Runtimes, UNFENCED, UNFENCED_THREAD,
};

pub(crate) const THREE: &str = "3 nodes";
pub(crate) const FIVE: &str = "5 nodes";

/// The numbers of tasks.
pub(crate) const TASKS: [usize; 4] = [1, 8, 64, 512];

/// All contenders, in the order of the tables.
pub(crate) const ALL: [&str; 8] = [
    UNFENCED,
    UNFENCED_THREAD,
    FENCED,
    FENCED_THREAD,
    RSLOCK,
    BARE,
    RAW,
    RAW_FENCED,
];

/// Runs all rounds on the servers at `urls`.
pub(crate) fn run(
    results: &mut Results,
    urls: &[String],
    nodes: &'static str,
    runtimes: &Runtimes,
    args: Args,
) {
    let runners = runtimes.connect(&ALL, urls);
    let rounds = args.pick(3, 9);
    turns(results, (nodes, &TASKS), runners, urls, rounds, |tasks| {
        load(tasks, args)
    });
}

/// Lets all contenders take turns in several rounds, after a round that warms up.
pub(crate) fn turns(
    results: &mut Results,
    (nodes, tasks): (&'static str, &[usize]),
    mut runners: Vec<(&'static str, Runner)>,
    urls: &[String],
    rounds: usize,
    load: impl Fn(usize) -> Load,
) {
    let meter = Meter::new(urls);
    for (_, runner) in &mut runners {
        // The most, so that all resources have been used, and their counters exist.
        let most = tasks.iter().map(|tasks| load(*tasks));
        let most = most.max_by_key(|load| load.locks);
        runner.run(most.expect("a number of tasks"), &meter);
    }
    for _ in 0..rounds {
        for &tasks in tasks {
            for &mut (who, ref mut runner) in &mut runners {
                let outcome = runner.run(load(tasks), &meter);
                results.add(Case { nodes, who, tasks }, outcome);
            }
        }
        // The first contender finds the CPU cooler, so the order rotates.
        runners.rotate_left(1);
    }
}

/// Returns the load for a number of tasks.
pub(crate) fn load(tasks: usize, args: Args) -> Load {
    let locks = match tasks {
        1 => args.pick(100, 600),
        _ => args.pick(1024, 8192),
    };
    Load { tasks, locks }
}
