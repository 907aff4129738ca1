//! The section of five hundred waiters.

use std::time::Duration;

use redlock_tests::Server;
use serde_json::json;

use super::HOLD;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::report::{Bar, Report};
use crate::round::{count, whole};

/// Measures five hundred waiters: their cost to the servers, and whether each gets a turn.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let seconds = if quick { 3 } else { 20 };
    let four = Crew::of_processes(4, HOLD, Duration::from_secs(seconds));
    let crew = Crew { tasks: 125, ..four };
    report.section(
        "crowd",
        &format!("500 waiters in 4 processes, 2 ms held, {seconds} s"),
    );
    let round = crew.compete(servers).await;
    let memory = round.memory();
    let ours = Figures::of(&[round]);
    report.heading();
    report.figures("redlock", &ours);
    let [start, middle, end] = memory;
    let text = format!("{start} KiB at the start, {middle} in the middle, {end} at the end");
    report.say("memory", &text, json!(memory));

    report.bar(
        "commands per acquisition and node",
        Bar::AtMost(40.0, ours.commands),
    );
    report.bar(
        "waiters that never acquired the lock",
        Bar::AtMost(0.0, count(ours.unserved)),
    );
    if start > 0 {
        let growth = whole(middle.max(end)) / whole(start);
        report.bar("memory relative to the start", Bar::AtMost(1.1, growth));
    }
}
