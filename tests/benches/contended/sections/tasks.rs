//! The section of eight tasks in one process.

use std::time::Duration;

use redlock_tests::Server;

use super::{HOLD, compare};
use crate::crew::Crew;
use crate::report::{Bar, Report};

/// Measures eight tasks in one process: handoffs that involve no other process.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let (seconds, rounds) = if quick { (1, 1) } else { (10, 3) };
    let one = Crew::of_processes(1, HOLD, Duration::from_secs(seconds));
    let crew = Crew { tasks: 8, ..one };
    let title = format!("8 tasks in one process, 2 ms held, {rounds} x {seconds} s");
    report.section("tasks", &title);
    report.heading();
    let ours = compare("", crew, servers, rounds, report).await;
    let handoffs = ours.handovers / ours.ideal.expect("an ideal");
    report.bar(
        "turns/s, relative to the ideal",
        Bar::AtLeast(0.9, ours.of_ideal()),
    );
    report.bar(
        "handoffs/s, relative to the ideal",
        Bar::AtLeast(0.9, handoffs),
    );
    report.bar("p99 of the wait in ms", Bar::AtMost(30.0, ours.p99));
}
