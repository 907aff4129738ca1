//! Measurements with one of five nodes hung or dead.
//!
//! The figures should match those of four healthy nodes.

use std::time::{Duration, Instant};

use redlock_benches::{Args, Case, Contender, Load, Meter, Results};
use redlock_tests::Servers;

use crate::healthy::load;
use crate::lineup::{FENCED, RSLOCK, UNFENCED};

pub(crate) const FIVE: &str = "5 nodes, all healthy";
pub(crate) const FOUR: &str = "4 nodes, all healthy";
pub(crate) const JUST_HUNG: &str = "5 nodes, 1 newly hung";
pub(crate) const HUNG: &str = "5 nodes, 1 hung";
pub(crate) const DEAD: &str = "5 nodes, 1 dead";

/// The numbers of tasks.
pub(crate) const TASKS: [usize; 2] = [1, 64];

/// Runs all rounds. The first server is the faulty one.
pub(crate) async fn run(results: &mut Results, servers: &Servers, args: Args) {
    let (five, four) = (&servers.urls()[..], &servers.urls()[1..]);
    // A stopped server does not respond, so the meter leaves it out.
    let meter = Meter::new(four);
    let ours = [
        (
            UNFENCED,
            Contender::redlock(five, false).await,
            Contender::redlock(four, false).await,
        ),
        (
            FENCED,
            Contender::redlock(five, true).await,
            Contender::redlock(four, true).await,
        ),
    ];
    for (_, of_five, of_four) in &ours {
        load(8, args).run(of_five, &meter).await;
        load(8, args).run(of_four, &meter).await;
    }
    for round in 0..args.pick(1, 7) {
        for (who, of_five, _) in &ours {
            measure(results, (who, FIVE, of_five), &TASKS, &meter, args).await;
        }
        servers[0].pause();
        for (who, of_five, _) in &ours {
            measure(results, (who, JUST_HUNG, of_five), &[64], &meter, args).await;
            until(of_five, |usable, all| usable < all).await;
        }
        for (who, of_five, of_four) in &ours {
            // In turns. The order alternates between rounds.
            let mut turns = [(*who, HUNG, of_five), (*who, FOUR, of_four)];
            turns.rotate_left(round % 2);
            for turn in turns {
                measure(results, turn, &TASKS, &meter, args).await;
            }
        }
        servers[0].resume();
        for (_, of_five, _) in &ours {
            until(of_five, |usable, all| usable == all).await;
        }
        servers[0].kill();
        for (who, of_five, _) in &ours {
            until(of_five, |usable, all| usable < all).await;
            measure(results, (who, DEAD, of_five), &TASKS, &meter, args).await;
        }
        servers[0].restart();
        for (_, of_five, _) in &ours {
            until(of_five, |usable, all| usable == all).await;
        }
    }
    peer(results, servers, &meter, args).await;
}

/// Measures the peer in one round. It waits one second for a hung server, so it makes only a few
/// locks then.
async fn peer(results: &mut Results, servers: &Servers, meter: &Meter, args: Args) {
    let contender = Contender::rslock(&servers.urls());
    measure(results, (RSLOCK, FIVE, &contender), &TASKS, meter, args).await;
    servers[0].pause();
    for tasks in TASKS {
        let (nodes, who, locks) = (HUNG, RSLOCK, tasks.max(3));
        let outcome = Load { tasks, locks }.run(&contender, meter).await;
        results.add(Case { nodes, who, tasks }, outcome);
    }
    servers[0].kill();
    measure(results, (RSLOCK, DEAD, &contender), &TASKS, meter, args).await;
}

async fn measure(
    results: &mut Results,
    (who, nodes, contender): (&'static str, &'static str, &Contender),
    tasks: &[usize],
    meter: &Meter,
    args: Args,
) {
    for &tasks in tasks {
        let outcome = load(tasks, args).run(contender, meter).await;
        results.add(Case { nodes, who, tasks }, outcome);
    }
}

/// Takes locks until `is_so` holds for the numbers of usable nodes and of all nodes.
async fn until(contender: &Contender, is_so: impl Fn(usize, usize) -> bool) {
    let redlock = contender.as_redlock().expect("this crate");
    let start = Instant::now();
    loop {
        contender.lock(0).await;
        let nodes = redlock.nodes().await;
        let usable = nodes.iter().filter(|node| node.is_usable());
        if is_so(usable.count(), nodes.len()) {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "the manager did not notice: {nodes:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Longer than the quarantine of a server that was restarted.
const PATIENCE: Duration = Duration::from_secs(90);
