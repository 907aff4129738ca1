//! The reports of all nodes, as JSON.

use redlock::NodeReport;
use redlock::node::NodeHealth;
use serde_json::{Value, json};

use super::Survey;
use crate::console::times::{micros, milliseconds};

impl Survey {
    pub(super) fn json(&self) -> Value {
        json!({
            "outcome": self.word(),
            "usable": self.usable(),
            "needed": self.needed,
            "nodes": self.reports.iter().map(of_node).collect::<Vec<_>>(),
            "warnings": self.warnings,
        })
    }
}

/// Returns all that is known of one node.
pub(crate) fn of_node(report: &NodeReport) -> Value {
    let (health, cause, left) = match &report.health {
        NodeHealth::Connected => ("ok", None, None),
        NodeHealth::Connecting => ("connecting", None, None),
        NodeHealth::Quarantined { remaining, cause } => {
            ("quarantined", Some(cause.to_string()), Some(*remaining))
        }
        NodeHealth::Down(error) => ("down", Some(error.to_string()), None),
        _ => ("down", None, None),
    };
    let warnings = report.warnings.iter().map(ToString::to_string);
    json!({
        "node": *report.node,
        "health": health,
        "cause": cause,
        "quarantine_ms": left.map(milliseconds),
        "server": report.server.as_deref(),
        "round_trip_us": report.round_trip.map(micros),
        "role": report.role.map(|it| it.to_string()),
        "persistence": report.persistence.map(|it| it.to_string()),
        "eviction": report.eviction.as_deref(),
        "uptime_s": report.uptime.map(|it| it.as_secs()),
        "replicas": report.replicas,
        "run_id": report.run_id.as_deref(),
        "clock_offset_us": report.clock_offset.map(redlock::node::ClockOffset::micros),
        "clock_error_us": report.clock_offset.map(|it| micros(it.error())),
        "deployment": report.deployment.as_ref().map(|it| &*it.id),
        "notifies": report.notifies,
        "hints": report.hints,
        "missing_rights": report.missing_rights.iter().map(|it| &**it).collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
    })
}
