//! Measurements of all contenders on healthy nodes.

use redlock_benches::{Args, Case, Contender, Load, Meter, Results};

pub(crate) const UNFENCED: &str = "redlock, unfenced";
pub(crate) const FENCED: &str = "redlock, fenced";
pub(crate) const RSLOCK: &str = "rslock";
pub(crate) const BARE: &str = "bare";

pub(crate) const THREE: &str = "3 nodes";
pub(crate) const FIVE: &str = "5 nodes";

/// The numbers of tasks.
pub(crate) const TASKS: [usize; 4] = [1, 8, 64, 512];

/// Runs all rounds on the servers at `urls`.
pub(crate) async fn run(results: &mut Results, urls: &[String], nodes: &'static str, args: Args) {
    let meter = Meter::new(urls);
    let mut contenders = [
        (BARE, Contender::bare(urls).await),
        (UNFENCED, Contender::redlock(urls, false).await),
        (FENCED, Contender::redlock(urls, true).await),
        (RSLOCK, Contender::rslock(urls)),
    ];
    for (_, contender) in &contenders {
        load(8, args).run(contender, &meter).await;
    }
    for _ in 0..args.pick(3, 9) {
        for tasks in TASKS {
            for &(who, ref contender) in &contenders {
                let outcome = load(tasks, args).run(contender, &meter).await;
                results.add(Case { nodes, who, tasks }, outcome);
            }
        }
        // The first contender finds the CPU cooler, so the order rotates.
        contenders.rotate_left(1);
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
