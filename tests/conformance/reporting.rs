//! The report of a session about its node.

use redlock::node::{NodeHealth, NodeRole};

use crate::subject::{SOON, Subject};

pub(crate) async fn a_report_describes_the_node(node: Subject) {
    node.ping().get().await;
    let report = node.session.report();
    assert_eq!(report.health, NodeHealth::Connected);
    assert_eq!(report.role, Some(NodeRole::Master));
    assert_eq!(report.replicas, Some(0));
    assert!(report.persistence.is_some() && report.run_id.is_some());
    // The node was started by this test. A server counts whole seconds.
    assert!(report.uptime.unwrap() < SOON, "{report:?}");
    assert!(report.warnings.is_empty(), "{report:?}");
}
