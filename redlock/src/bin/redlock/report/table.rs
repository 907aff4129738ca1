//! The reports of all nodes, as a table.

use std::time::Duration;

use redlock::NodeReport;
use redlock::node::NodeHealth;

use crate::console::table::Table;
use crate::console::tone::{Tone, Toned};

/// Returns a line for each node, below a header.
pub(super) fn lines(reports: &[NodeReport]) -> Vec<Toned> {
    let mut table = Table::new([
        "NODE",
        "HEALTH",
        "SERVER",
        "ROUND TRIP",
        "ROLE",
        "PERSISTENCE",
        "EVICTION",
        "UPTIME",
        "CLOCK",
        "WAITERS",
    ]);
    for report in reports {
        table.add_row(row(report));
    }
    let tones = std::iter::once(Tone::Plain).chain(reports.iter().map(tone));
    let text = table.to_string();
    let lines = text.lines().zip(tones);
    lines.map(|(line, tone)| Toned::new(tone, line)).collect()
}

fn row(report: &NodeReport) -> Vec<String> {
    let is_connected = !matches!(report.health, NodeHealth::Down(_) | NodeHealth::Connecting);
    let waiters = match (report.hints, report.notifies) {
        _ if !is_connected => UNKNOWN,
        (true, _) => "hinted",
        (false, true) => "notified",
        (false, false) => "poll",
    };
    vec![
        one_line(&report.node),
        health(&report.health),
        known(report.server.as_deref()),
        known(report.round_trip.map(|it| format!("{it:.1?}"))),
        known(report.role),
        known(report.persistence),
        known(report.eviction.as_deref()),
        known(report.uptime.map(uptime)),
        known(report.clock_offset),
        waiters.to_owned(),
    ]
}

/// Returns the health in a word. Its cause is a warning below the table.
fn health(health: &NodeHealth) -> String {
    match health {
        NodeHealth::Connected => "ok".to_owned(),
        NodeHealth::Connecting => "connecting".to_owned(),
        NodeHealth::Quarantined { remaining, .. } => {
            format!("quarantine {}s", remaining.as_secs() + 1)
        }
        _ => "down".to_owned(),
    }
}

fn tone(report: &NodeReport) -> Tone {
    match &report.health {
        NodeHealth::Connected if report.warnings.is_empty() => Tone::Good,
        NodeHealth::Connected | NodeHealth::Connecting | NodeHealth::Quarantined { .. } => {
            Tone::Concern
        }
        _ => Tone::Bad,
    }
}

fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |it| one_line(&it.to_string()))
}

/// A cell with a line break would be a line of its own.
fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

/// Formats an uptime to its two largest units.
fn uptime(uptime: Duration) -> String {
    let whole = Duration::from_secs(uptime.as_secs());
    let text = humantime::format_duration(whole).to_string();
    let units: Vec<&str> = text.split(' ').take(2).collect();
    units.join(" ")
}

const UNKNOWN: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_has_two_units() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (3_661, "1h 1m"),
            (90_000, "1day 1h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(uptime(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_name_cannot_add_a_row() {
        let report = NodeReport::new("a\nb".into(), NodeHealth::Connecting);
        let lines = lines(&[report]);
        assert_eq!(lines.len(), 2);
        assert!(
            lines[1].text.starts_with("a\\nb  connecting  -  "),
            "{lines:?}"
        );
    }
}
