//! The section of eight tasks in one process.

use std::time::Duration;

use redlock_tests::Server;

use super::{HOLD, compare};
use crate::crew::Crew;
use crate::library::Library;
use crate::report::{Bar, Report};

/// Measures eight tasks in one process: handoffs that involve no other process.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let (seconds, rounds) = if quick { (1, 1) } else { (10, 3) };
    let crew = Crew {
        library: Library::Redlock,
        processes: 1,
        tasks: 8,
        hold: HOLD,
        run: Duration::from_secs(seconds),
    };
    let title = format!("8 tasks in one process, 2 ms held, {rounds} x {seconds} s");
    report.section("tasks", &title);
    let ours = compare(crew, servers, rounds, report).await;
    report.bar("turns/s", Bar::AtLeast(400.0, ours.rate));
    report.bar("handoffs/s", Bar::AtLeast(400.0, ours.handovers));
    report.bar("p99 of the wait in ms", Bar::AtMost(30.0, ours.p99));
}
