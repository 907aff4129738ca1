//! The state of a resource and of the nodes, as the nodes report it.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind};
use crate::lease_id::LeaseId;
use crate::manager::Redlock;
use crate::node::{Command, Inspect, NodeReport, Ping, Record, Snapshot};
use crate::quorum::Quorum;
use crate::quorum::responses;
use crate::quorum::responses::NodeResults;
use crate::resource::Resource;
use crate::time::validity;
use crate::token::FencingToken;

impl Redlock {
    /// Queries the nodes for the holder of `resource`. Changes nothing.
    ///
    /// The result may be out of date when it is returned. It is for operators and dashboards, not
    /// for deciding whether to request the lock.
    ///
    /// # Cancel safety
    ///
    /// Cancelling has no effect.
    pub async fn status(&self, resource: impl Into<Resource>) -> Status {
        let resource = resource.into();
        let quorum = Quorum::of(self.node_set().nodes.len());
        let names = &self.node_set().names;
        let Ok(engine) = self.engine() else {
            return Status::new(quorum, names, &vec![None; quorum.nodes()]);
        };
        let key = resource.key(&self.config().key_prefix);
        let responses = engine
            .broadcast(|responder| Command::Inspect(Inspect::new(Arc::clone(&key), responder)));
        let timeout = engine.node_timeout(self.config().ttl);
        let is_certain =
            |results: &NodeResults<_>| Status::new(quorum, names, results).is_certain();
        responses.until(timeout, is_certain).await;
        // Wait a little for the other nodes. Otherwise healthy ones would be shown as timed out.
        let results = responses
            .until(validity::grace(timeout), responses::all)
            .await;
        Status::new(quorum, names, &results)
    }

    /// Reports the health of each node, in the order of configuration.
    ///
    /// Connects first to nodes that this runtime has no connection to. Outside a Tokio runtime with
    /// timers the list is empty.
    ///
    /// # Cancel safety
    ///
    /// Cancelling has no effect.
    pub async fn nodes(&self) -> Vec<NodeReport> {
        let Ok(engine) = self.engine() else {
            return Vec::new();
        };
        let responses = engine.broadcast(|responder| Command::Ping(Ping::new(responder)));
        let _results = responses
            .until(self.config().silence_limit(), responses::all)
            .await;
        // A node that responds is identified within a few round trips.
        engine
            .deployment()
            .settled(self.config().silence_limit())
            .await;
        engine.reports()
    }
}

/// The state of a resource, returned by [`Redlock::status`](crate::Redlock::status).
#[derive(Clone, Debug)]
pub struct Status {
    state: LockState,
    lease_id: Option<LeaseId>,
    remaining: Option<Duration>,
    token: Option<FencingToken>,
    waiters: u32,
    nodes: Vec<NodeStatus>,
    is_certain: bool,
}

/// Whether a resource is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockState {
    /// A quorum of nodes has the same lease id.
    Held,
    /// No lease id can have a quorum.
    Free,
    /// Too few nodes responded to decide.
    Unknown,
}

/// The state of a resource on one node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The node's name: its address, without credentials.
    pub node: Arc<str>,
    /// The content of the key, or `Ok(None)` if there is no such key.
    pub record: Result<Option<Record>, NodeError>,
}

impl Status {
    pub(crate) fn new(quorum: Quorum, names: &[Arc<str>], results: &NodeResults<Snapshot>) -> Self {
        let records = records_with_id(results);
        let (votes, most_common_id) = most_common_id(&records);
        let silent = results.iter().filter(|result| result.is_none()).count();
        let failed = results
            .iter()
            .flatten()
            .filter(|result| result.is_err())
            .count();

        let state = if votes >= quorum.needed() {
            LockState::Held
        } else if votes + silent + failed < quorum.needed() {
            LockState::Free
        } else {
            LockState::Unknown
        };
        let is_certain = silent == 0
            || state == LockState::Held
            || (state == LockState::Free && votes + silent < quorum.needed());
        let lease_id = most_common_id.filter(|_| state == LockState::Held);
        Self {
            state,
            remaining: remaining_at_quorum(&records, lease_id.as_ref(), quorum),
            lease_id,
            token: largest_token(results),
            waiters: most_waiters(results),
            nodes: node_statuses(names, results),
            is_certain,
        }
    }

    /// Whether a quorum of nodes has the same lease id.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state == LockState::Held
    }

    /// Whether the resource is held, free, or neither is known.
    #[must_use]
    pub fn state(&self) -> LockState {
        self.state
    }

    /// The id of the lease that holds the resource.
    #[must_use]
    pub fn lease_id(&self) -> Option<&LeaseId> {
        self.lease_id.as_ref()
    }

    /// How long a quorum of nodes keeps the lock if it is not extended.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.remaining
    }

    /// The largest fencing token that any node has recorded. It belongs to the last holder, or to a
    /// later attempt that did not get the lock.
    #[must_use]
    pub fn token(&self) -> Option<FencingToken> {
        self.token
    }

    /// The number of processes on the longest [waiting list](crate::guide::waiting) of a node. A process
    /// that waits with many requests counts once. Processes that only poll do not count.
    #[must_use]
    pub fn waiters(&self) -> u32 {
        self.waiters
    }

    /// The state on each node, in the order of configuration.
    ///
    /// A node that had not responded when the result was certain has a
    /// [timeout](NodeErrorKind::Timeout).
    #[must_use]
    pub fn nodes(&self) -> &[NodeStatus] {
        &self.nodes
    }

    /// Whether the responses that are still missing cannot change the result.
    pub(crate) fn is_certain(&self) -> bool {
        self.is_certain
    }
}

/// Returns the records that have a lease id, which are those that can be locks.
fn records_with_id(results: &NodeResults<Snapshot>) -> Vec<&Record> {
    results
        .iter()
        .flatten()
        .flatten()
        .filter_map(|snapshot| snapshot.record.as_ref())
        .filter(|record| record.id.is_some())
        .collect()
}

/// Returns the lease id that most nodes have, with the number of those nodes.
fn most_common_id(records: &[&Record]) -> (usize, Option<LeaseId>) {
    let votes = |id: &Option<LeaseId>| records.iter().filter(|it| it.id == *id).count();
    records
        .iter()
        .map(|record| (votes(&record.id), &record.id))
        .max_by_key(|(votes, _)| *votes)
        .map_or((0, None), |(votes, id)| (votes, id.clone()))
}

/// Returns the time for which a quorum of nodes keeps the lease: the quorum-th longest of those
/// that have it.
fn remaining_at_quorum(
    records: &[&Record],
    lease_id: Option<&LeaseId>,
    quorum: Quorum,
) -> Option<Duration> {
    let mut remaining: Vec<_> = records
        .iter()
        .filter(|record| record.id.as_ref() == lease_id)
        .filter_map(|record| record.remaining)
        .collect();
    remaining.sort_unstable_by(|a, b| b.cmp(a));
    remaining.get(quorum.needed() - 1).copied()
}

fn largest_token(results: &NodeResults<Snapshot>) -> Option<FencingToken> {
    let snapshots = results.iter().flatten().flatten();
    let counters = snapshots.filter_map(|snapshot| snapshot.counter);
    counters.max().map(FencingToken::new)
}

fn most_waiters(results: &NodeResults<Snapshot>) -> u32 {
    let snapshots = results.iter().flatten().flatten();
    let waiters = snapshots.filter_map(|snapshot| snapshot.waiters);
    waiters.max().unwrap_or_default()
}

fn node_statuses(names: &[Arc<str>], results: &NodeResults<Snapshot>) -> Vec<NodeStatus> {
    let timed_out = || NodeError::new(NodeErrorKind::Timeout, "");
    let nodes = names.iter().zip(results).map(|(name, result)| NodeStatus {
        node: Arc::clone(name),
        record: result
            .clone()
            .map_or_else(|| Err(timed_out()), |result| result.map(|it| it.record)),
    });
    nodes.collect()
}
