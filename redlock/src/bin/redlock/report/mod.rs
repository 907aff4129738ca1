//! The verb `redlock nodes`.

pub(crate) mod json;
mod table;

use std::time::{Duration, Instant};

use redlock::node::NodeHealth;
use redlock::{NodeReport, Redlock};

use crate::args::NodeArgs;
use crate::console::Console;
use crate::console::tone::{Tone, Toned};
use crate::failure::{ATTENTION, Failure, NO_QUORUM};
use crate::warnings;

/// Prints the health of every node, and what needs attention.
pub(crate) async fn nodes(nodes: &NodeArgs, console: &Console) -> Result<u8, Failure> {
    let manager = nodes.build_without_ttl(nodes.builder()?)?;
    let reports = reports(&manager).await;
    let survey = Survey::new(reports, manager.needed_nodes());
    // A closed stdout is no failure: the exit code carries the verdict too.
    console
        .toned_result(|| survey.lines(), || survey.json())
        .ok();
    Ok(survey.code())
}

/// Returns a report of each node. A connection is found to bring hints a moment after it is identified.
pub(crate) async fn reports(manager: &Redlock) -> Vec<NodeReport> {
    let mut reports = manager.nodes().await;
    let end = Instant::now() + HINTS_DELAY;
    while reports.iter().any(|it| it.notifies && !it.hints) && Instant::now() < end {
        tokio::time::sleep(HINTS_DELAY / 20).await;
        reports = manager.known_nodes();
    }
    reports
}

/// The reports of all nodes, and what follows from them.
struct Survey {
    reports: Vec<NodeReport>,
    needed: usize,
    warnings: Vec<String>,
}

impl Survey {
    fn new(reports: Vec<NodeReport>, needed: usize) -> Self {
        let mut warnings = warnings::about_nodes(&reports);
        warnings.extend(reports.iter().filter_map(about_silence));
        warnings.extend(reports.iter().filter_map(about_pushes));
        Self {
            reports,
            needed,
            warnings,
        }
    }

    fn usable(&self) -> usize {
        let reports = self.reports.iter();
        reports.filter(|report| report.is_usable()).count()
    }

    fn code(&self) -> u8 {
        match (self.usable() >= self.needed, self.warnings.is_empty()) {
            (false, _) => NO_QUORUM,
            (true, false) => ATTENTION,
            (true, true) => 0,
        }
    }

    fn word(&self) -> &'static str {
        match self.code() {
            0 => "ok",
            ATTENTION => "attention",
            _ => "no-quorum",
        }
    }

    fn tone(&self) -> Tone {
        match self.code() {
            0 => Tone::Good,
            ATTENTION => Tone::Concern,
            _ => Tone::Bad,
        }
    }

    fn summary(&self) -> String {
        let (usable, needed, all) = (self.usable(), self.needed, self.reports.len());
        let verdict = match (usable >= needed, usable - needed.min(usable)) {
            (false, _) => "no lock can be had".to_owned(),
            (true, 0) => "no more of them may fail".to_owned(),
            (true, spare) => format!("{spare} more may fail"),
        };
        format!("{usable} of {all} nodes usable, {needed} needed: {verdict}")
    }

    fn lines(&self) -> Vec<Toned> {
        let mut lines = table::lines(&self.reports);
        let warnings = self.warnings.iter().map(|it| format!("warning: {it}"));
        lines.extend(warnings.map(|it| Toned::new(Tone::Concern, it)));
        lines.push(Toned::new(self.tone(), self.summary()));
        lines
    }
}

/// Returns what is wrong with a node that is still connecting, although it had time.
fn about_silence(report: &NodeReport) -> Option<String> {
    let is_silent = report.health == NodeHealth::Connecting;
    is_silent.then(|| format!("{} has not responded yet", report.node))
}

/// Returns what is wrong with a node that is used, but does not hint waiters.
fn about_pushes(report: &NodeReport) -> Option<String> {
    let is_deaf = report.health == NodeHealth::Connected && !report.notifies;
    is_deaf.then(|| {
        format!(
            "{} does not notify this client, so waiters poll: use RESP3, and allow +hello +exists \
             +client|tracking +client|caching",
            report.node
        )
    })
}

/// Many round trips.
const HINTS_DELAY: Duration = Duration::from_millis(100);
