//! Lines about nodes and settings that an operator should know of.

use std::time::Duration;

use redlock::NodeReport;
use redlock::node::NodeHealth;

use crate::console::Console;

/// Warnings on stderr, each of them once.
#[derive(Debug)]
pub(crate) struct Warnings<'a> {
    console: &'a Console,
    shown: Vec<String>,
}

impl<'a> Warnings<'a> {
    pub(crate) fn new(console: &'a Console) -> Self {
        let shown = Vec::new();
        Self { console, shown }
    }

    /// Shows those that were not shown before.
    pub(crate) fn show(&mut self, warnings: impl IntoIterator<Item = String>) {
        for warning in warnings {
            if !self.shown.contains(&warning) {
                self.console.warn(&warning);
                self.shown.push(warning);
            }
        }
    }
}

/// Returns one line for each matter of concern, in plain sentences.
pub(crate) fn about_nodes(nodes: &[NodeReport]) -> Vec<String> {
    let number = about_number(nodes.len()).into_iter();
    number.chain(nodes.iter().flat_map(about_node)).collect()
}

/// Returns what is wrong with a ttl that is allowed, but hardly meant.
pub(crate) fn about_ttl(ttl: Duration) -> Option<String> {
    (ttl < SHORT).then(|| {
        format!(
            "a ttl of {ttl:?} ends during a short pause of this machine: use at least {SHORT:?}"
        )
    })
}

/// Returns what is wrong with a wait that is hardly meant: other commands count in seconds.
pub(crate) fn about_wait(wait: Duration) -> Option<String> {
    let is_meant = wait.is_zero() || wait >= SHORT / 10;
    (!is_meant).then(|| format!("a wait of {wait:?}: a number without a unit is in milliseconds"))
}

/// Returns what is wrong with a number of nodes.
fn about_number(nodes: usize) -> Option<String> {
    match nodes {
        1 => Some(
            "1 node: without it no lock can be had, and with its data the locks are gone: use 3 or 5 \
             independent ones"
                .to_owned(),
        ),
        2 => Some("2 nodes: a lock needs both, so neither may fail: use 3 or 5".to_owned()),
        n if n.is_multiple_of(2) => Some(format!(
            "{n} nodes tolerate no more failures than {} would: use an odd number",
            n - 1
        )),
        _ => None,
    }
}

fn about_node(report: &NodeReport) -> Vec<String> {
    let node = &report.node;
    let health = match &report.health {
        // A quorum is there before the slowest nodes are. They are no matter of concern yet.
        NodeHealth::Connected | NodeHealth::Connecting => None,
        NodeHealth::Quarantined { remaining, cause } => {
            let left = remaining.as_secs() + 1;
            Some(format!("{node} has no vote for another {left} s: {cause}"))
        }
        NodeHealth::Down(error) => Some(format!("{node} is not usable: {error}")),
        _ => Some(format!("{node} is not usable")),
    };
    let settings = report.warnings.iter();
    let settings = settings.map(|warning| format!("{node}: {warning}"));
    health.into_iter().chain(settings).collect()
}

/// The shortest ttl that outlasts the pauses of ordinary machines.
const SHORT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_nodes_that_tolerates_little_is_of_concern() {
        let is_of_concern = |nodes| about_number(nodes).is_some();
        for nodes in [1, 2, 4, 6] {
            assert!(is_of_concern(nodes), "{nodes}");
        }
        for nodes in [3, 5, 7] {
            assert!(!is_of_concern(nodes), "{nodes}");
        }
    }
}
