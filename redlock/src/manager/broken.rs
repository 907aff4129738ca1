//! The report of a release by force.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{
    NodeError, NodeErrorKind, NodeRelease, ReleaseOutcome, ReleaseOutcomes, Released,
};
use crate::lease_id::LeaseId;
use crate::manager::status::{NodeStatus, Status};
use crate::resource::Resource;
use crate::token::FencingToken;

/// What [`Redlock::force_release`](crate::Redlock::force_release) has found and done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broken {
    resource: Resource,
    before: Status,
    lease_ids: Arc<[LeaseId]>,
    nodes: Arc<[NodeRelease]>,
}

impl Broken {
    pub(super) fn new(
        resource: Resource,
        before: Status,
        lease_ids: Vec<LeaseId>,
        outcomes: Outcomes,
        names: &[Arc<str>],
    ) -> Self {
        Self {
            resource,
            before,
            lease_ids: lease_ids.into(),
            nodes: outcomes.nodes(names),
        }
    }

    /// The resource.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Whether a node deleted a key.
    #[must_use]
    pub fn was_held(&self) -> bool {
        let is_deleted = |it: &NodeRelease| *it.outcome() == ReleaseOutcome::Deleted;
        self.nodes.iter().any(is_deleted)
    }

    /// The state of the resource, as it was read before anything was deleted.
    #[must_use]
    pub fn before(&self) -> &Status {
        &self.before
    }

    /// The ids that were released: that of the lease that had a quorum, or else every id that a node
    /// had. Empty if the resource was free.
    ///
    /// Another library may use any bytes as an id.
    #[must_use]
    pub fn lease_ids(&self) -> &[LeaseId] {
        &self.lease_ids
    }

    /// The [label](crate::RedlockBuilder::label) of the former holder, if it had one and a quorum.
    ///
    /// Any text of at most 128 bytes: escape control characters where it is shown.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.before.label()
    }

    /// The time for which a quorum of nodes would have kept the lock. `None` without a quorum for one
    /// lease, or if it had no expiry.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.before.remaining()
    }

    /// The largest fencing token that any node has recorded. Later tokens are larger.
    #[must_use]
    pub fn token(&self) -> Option<FencingToken> {
        self.before.token()
    }

    /// The outcome at each node, in the order of configuration.
    #[must_use]
    pub fn nodes(&self) -> &[NodeRelease] {
        &self.nodes
    }
}

impl ReleaseOutcomes for Broken {
    fn nodes(&self) -> Arc<[NodeRelease]> {
        Arc::clone(&self.nodes)
    }
}

/// The outcomes so far, by node.
pub(super) struct Outcomes(Vec<Outcome>);

#[derive(Default)]
struct Outcome {
    is_not_a_lock: bool,
    was_deleted: bool,
    /// Why it is not certain that the node has no key of these leases.
    problem: Option<ReleaseOutcome>,
}

impl Outcomes {
    pub(super) fn of(before: &Status) -> Self {
        let outcome = |node: &NodeStatus| Outcome {
            is_not_a_lock: is_not_a_lock(node),
            was_deleted: false,
            problem: failure(node),
        };
        Self(before.nodes().iter().map(outcome).collect())
    }

    /// Records the releases of one attempt.
    pub(super) fn record(&mut self, released: &[Released]) {
        for (node, outcome) in self.0.iter_mut().enumerate() {
            let releases = released.iter().map(|it| it.nodes()[node].outcome());
            let mut releases = releases
                .filter(|it| **it != ReleaseOutcome::NotContacted)
                .peekable();
            if releases.peek().is_some() {
                outcome.problem = None;
            }
            for release in releases {
                match release {
                    ReleaseOutcome::Deleted => outcome.was_deleted = true,
                    ReleaseOutcome::Pending | ReleaseOutcome::Failed(_) => {
                        outcome.problem = Some(release.clone());
                    }
                    _ => {}
                }
            }
        }
    }

    /// Records what the nodes had after that. `left`: the leases of which a node has keys.
    pub(super) fn check(&mut self, after: &Status, left: &[LeaseId]) {
        for (outcome, node) in self.0.iter_mut().zip(after.nodes()) {
            let is_left = left.iter().any(|id| has(node, id));
            let put_back = || {
                let text = "the holder has put the key back";
                ReleaseOutcome::Failed(NodeError::new(NodeErrorKind::Taken, text))
            };
            let problem = failure(node).or_else(|| is_left.then(put_back));
            outcome.problem = outcome.problem.take().or(problem);
        }
    }

    /// Counts the nodes that have no key of these leases.
    pub(super) fn confirmed(&self) -> usize {
        self.0.iter().filter(|it| it.problem.is_none()).count()
    }

    fn nodes(self, names: &[Arc<str>]) -> Arc<[NodeRelease]> {
        let outcomes = self.0.into_iter().zip(names);
        let outcomes = outcomes.map(|(it, name)| {
            let done = match (it.was_deleted, it.is_not_a_lock) {
                (true, _) => ReleaseOutcome::Deleted,
                (false, true) => ReleaseOutcome::NotALock,
                (false, false) => ReleaseOutcome::Absent,
            };
            NodeRelease::new(Arc::clone(name), it.problem.unwrap_or(done))
        });
        outcomes.collect()
    }
}

/// Whether the node has the key of this lease.
pub(super) fn has(node: &NodeStatus, id: &LeaseId) -> bool {
    matches!(&node.record, Ok(Some(record)) if record.id.as_ref() == Some(id))
}

/// Whether the node has something other than a lock.
pub(super) fn is_not_a_lock(node: &NodeStatus) -> bool {
    matches!(&node.record, Ok(Some(record)) if record.id.is_none())
}

fn failure(node: &NodeStatus) -> Option<ReleaseOutcome> {
    let error = node.record.as_ref().err()?;
    Some(ReleaseOutcome::Failed(error.clone()))
}
