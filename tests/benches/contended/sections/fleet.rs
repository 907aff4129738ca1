//! The section of many managers.

use std::time::Duration;

use redlock_tests::Server;

use super::{HOLD, compare};
use crate::args::Args;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::ideal::Ideal;
use crate::report::{Bar, Report};
use crate::round::{count, whole};

/// Measures growing numbers of managers, which learn of each other only through the servers.
pub(crate) async fn run(servers: &[Server], args: &Args, report: &mut Report) {
    let rounds = if args.quick { 1 } else { 3 };
    let title = format!("managers with their own connections, 2 ms held, {rounds} rounds");
    report.section("fleet", &title);
    report.heading();
    let (sizes, separate): (&[u32], _) = match (&args.sizes[..], args.quick) {
        ([], true) => (&[4, 12], Some(6)),
        ([], false) => (&[8, 32, 64, 200], Some(32)),
        (sizes, _) => (sizes, None),
    };
    for size in sizes {
        managers(*size, servers, args.quick, rounds, report).await;
    }
    if let Some(size) = separate {
        processes(size, servers, args.quick, rounds, report).await;
    }
}

/// Measures managers that share at most ten processes.
async fn managers(size: u32, servers: &[Server], quick: bool, rounds: usize, report: &mut Report) {
    let crew = Crew::of_managers(size, HOLD, run_of(size, quick));
    let label = format!("{size} × ");
    let ours = compare(&label, crew, servers, rounds, report).await;
    bars(&format!("{size} managers"), size, &ours, report);
}

/// Measures managers that have a process each.
async fn processes(size: u32, servers: &[Server], quick: bool, rounds: usize, report: &mut Report) {
    let number = size.try_into().expect("a count");
    let crew = Crew::of_processes(number, HOLD, run_of(size, quick));
    let (mut done, mut ideal) = (Vec::new(), Ideal::default());
    for _ in 0..rounds {
        ideal.measure(servers, HOLD).await;
        done.push(crew.compete(servers).await);
    }
    let ours = Figures::of(&done).relative_to(ideal.rate());
    let label = format!("{size} processes");
    report.figures(&label, &ours);
    bars(&label, size, &ours, report);
}

fn bars(label: &str, size: u32, ours: &Figures, report: &mut Report) {
    let (ratio, commands) = if size < 200 {
        (0.65, 25.0)
    } else {
        (0.6, 40.0)
    };
    let mut bar = |what: &str, bound| report.bar(&format!("{label}: {what}"), bound);
    bar(
        "turns/s, relative to the ideal",
        Bar::AtLeast(ratio, ours.of_ideal()),
    );
    bar(
        "commands per turn and node",
        Bar::AtMost(commands, ours.commands),
    );
    bar(
        "contenders without a turn",
        Bar::AtMost(0.0, count(ours.unserved)),
    );
    bar(
        "turns of the least served, relative to a fair share",
        Bar::AtLeast(0.8, ours.least_share),
    );
    // Slow turns do not excuse long waits.
    let slowest = ratio * ours.ideal.expect("an ideal");
    let turn = 1e3 / ours.rate.max(slowest);
    let cycles = ours.p99 / (whole(size.into()) * turn);
    bar(
        "p99 of the wait, relative to one turn of each manager",
        Bar::AtMost(2.0, cycles),
    );
}

/// Returns how long each of `size` managers needs for some twenty turns.
fn run_of(size: u32, quick: bool) -> Duration {
    match quick {
        true => Duration::from_secs(1),
        false => (TURNS * size).max(Duration::from_secs(6)),
    }
}

/// The time of twenty turns of one manager, roughly. A fair share of few turns would be rounded.
const TURNS: Duration = Duration::from_millis(75);
