//! The section of eight processes.

use std::time::Duration;

use redlock_tests::Server;

use super::{HOLD, compare};
use crate::crew::Crew;
use crate::library::Library;
use crate::report::{Bar, Report};

/// Measures eight processes, which learn of each other only through the servers.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let (seconds, rounds) = if quick { (1, 1) } else { (10, 3) };
    let crew = Crew {
        library: Library::Redlock,
        processes: 8,
        tasks: 1,
        hold: HOLD,
        run: Duration::from_secs(seconds),
    };
    let title = format!("8 processes, 2 ms held, {rounds} x {seconds} s");
    report.section("processes", &title);
    let ours = compare(crew, servers, rounds, report).await;
    report.bar("turns/s", Bar::AtLeast(330.0, ours.rate));
    report.bar("handoffs/s", Bar::AtLeast(330.0, ours.handovers));
    report.bar("p99 of the wait in ms", Bar::AtMost(60.0, ours.p99));
    report.bar(
        "turns of the least served process, relative to a fair share",
        Bar::AtLeast(0.5, ours.least_share),
    );
}
