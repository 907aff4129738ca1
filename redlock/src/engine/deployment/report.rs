//! Reports of a deployment about its nodes.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::deployment::Deployment;
use crate::engine::deployment::standing::{Cause, Loss, Standing};
use crate::error::NodeError;
use crate::node::{LastLoss, NodeDeployment, NodeReport, RecordCheck};
use crate::time::clock::Moment;

impl Deployment {
    /// What is known of the loss for which a node is in quarantine. `None` if locks may have been
    /// granted there since.
    pub(crate) fn loss(&self, node: usize) -> Option<Loss> {
        let state = self.state.lock();
        let quarantine = state.memory.nodes[node].quarantine;
        let node = &state.nodes[node];
        let cause = node.quarantine_cause(Moment::now())?;
        let is_shared = matches!(
            cause,
            Cause::Restarted | Cause::DataLost | Cause::Returned | Cause::Reported
        );
        if !is_shared {
            return None;
        }
        let seen = node.view.seen();
        let attested = seen.and_then(|seen| seen.identified.last_loss);
        let began = match attested {
            Some(LastLoss::At(lost)) => lost,
            Some(LastLoss::Never) => return None,
            None => quarantine?.began,
        };
        let is_recorded = node.view.complete().is_some_and(|record| {
            !record.is_ignored && record.quarantined_until > 0 && !node.is_in_flight()
        });
        let seen = seen.filter(|_| is_recorded || attested.is_some());
        let key = Arc::clone(&self.rules.key);
        let check = seen.map(|seen| Arc::new(RecordCheck::new(key, seen.text().cloned())));
        Some(Loss { began, check })
    }

    /// Adds to a report what the identity of the node shows.
    pub(crate) fn describe(&self, node: usize, report: &mut NodeReport) {
        let state = self.state.lock();
        let view = &state.nodes[node].view;
        let identified = view.seen().map(|seen| &seen.identified);
        if let Some(persistence) = identified.and_then(|it| it.persistence) {
            report.persistence = Some(persistence);
        }
        report.deployment = view.record().map(|record| {
            let id = Arc::clone(&record.id);
            NodeDeployment::new(id, record.nodes, record.max_ttl)
        });
    }

    /// The standings of all nodes.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let state = self.state.lock();
        state
            .nodes
            .iter()
            .map(|node| node.standing.clone())
            .collect()
    }

    /// Two nodes that are the same server, if there are two.
    pub(crate) fn same_server(&self) -> Option<(usize, usize)> {
        let state = self.state.lock();
        let mut nodes = state.nodes.iter().enumerate();
        nodes.find_map(|(node, it)| it.alias_of.map(|first| (first, node)))
    }

    /// The nodes that have no vote for good, with the reasons.
    pub(crate) fn refusals(&self) -> Vec<(usize, NodeError)> {
        let state = self.state.lock();
        let nodes = state.nodes.iter().enumerate();
        let refused = nodes.filter_map(|(node, it)| match &it.standing {
            Standing::Refused(error) => Some((node, error.clone())),
            _ => None,
        });
        refused.collect()
    }

    /// Whether another manager ignores the quarantine of a node.
    pub(crate) fn is_quarantine_ignored(&self, node: usize) -> bool {
        let state = self.state.lock();
        let record = state.nodes[node].view.record();
        self.rules.is_quarantine_on && record.is_some_and(|record| record.is_ignored)
    }

    /// How long it takes until `missing` more nodes have left their quarantine.
    pub(crate) fn quarantine_ends_in(&self, missing: usize) -> Option<Duration> {
        let now = Moment::now();
        let state = self.state.lock();
        let nodes = state.nodes.iter();
        let mut left: Vec<_> = nodes.filter_map(|node| node.quarantine(now)).collect();
        left.sort_unstable();
        left.get(missing.checked_sub(1)?).copied()
    }
}
