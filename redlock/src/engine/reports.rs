//! The reports of an engine about its nodes.

use std::sync::Arc;

use crate::engine::Engine;
use crate::error::{NodeError, NodeErrorKind};
use crate::node::{CLOCK_LIMIT, NodeHealth, NodeReport, NodeWarning};

impl Engine {
    /// Returns a report of each node, in their order.
    pub(crate) fn reports(&self) -> Vec<NodeReport> {
        let standings = self.deployment.standings();
        let nodes = standings.iter().enumerate();
        nodes
            .map(|(node, standing)| {
                let report = self.call(node, |session| {
                    let mut report = session.report();
                    report.notifies = session.notifies();
                    report.hints = session.hints();
                    report
                });
                let mut report = report.unwrap_or_else(|| {
                    let text = "its session has panicked";
                    let error = NodeError::new(NodeErrorKind::Server, text);
                    NodeReport::new(Arc::clone(&self.names[node]), NodeHealth::Down(error))
                });
                if report.health == NodeHealth::Connected {
                    report.health = standing.health();
                }
                self.deployment.describe(node, &mut report);
                let offset = report.clock_offset;
                if let Some(offset) = offset.filter(|it| it.exceeds(CLOCK_LIMIT)) {
                    report.warnings.push(NodeWarning::Clock(offset));
                }
                if self.deployment.is_quarantine_ignored(node) {
                    report.warnings.push(NodeWarning::QuarantineIgnored);
                }
                report
            })
            .collect()
    }
}
