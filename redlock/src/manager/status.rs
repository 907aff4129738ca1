//! Who holds a resource, as far as the nodes tell.

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
    /// Asks the nodes who holds `resource`, without touching it.
    ///
    /// By the time the answer is here it may have changed: this is for operators and dashboards,
    /// not for deciding whether to lock.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn status(&self, resource: impl Into<Resource>) -> Status {
        let resource = resource.into();
        let quorum = Quorum::of(self.node_set().nodes.len());
        let names = &self.node_set().names;
        let Ok(engine) = self.engine() else {
            return Status::new(quorum, names, &vec![None; quorum.nodes()]);
        };
        let key = resource.key(&self.config().key_prefix);
        let responses =
            engine.ask(|responder| Command::Inspect(Inspect::new(Arc::clone(&key), responder)));
        let timeout = engine.node_timeout(self.config().ttl);
        let is_certain =
            |results: &NodeResults<_>| Status::new(quorum, names, results).is_certain();
        responses.until(timeout, is_certain).await;
        // The other nodes get a moment, so that those that are well are not shown as silent.
        let results = responses
            .until(validity::grace(timeout), responses::all)
            .await;
        Status::new(quorum, names, &results)
    }

    /// How each node is doing, in the order in which they were configured. Nodes that have not
    /// been connected to in this runtime are connected to first.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn nodes(&self) -> Vec<NodeReport> {
        let Ok(engine) = self.engine() else {
            return Vec::new();
        };
        let responses = engine.ask(|responder| Command::Ping(Ping::new(responder)));
        let _answers = responses
            .until(self.config().silence_limit(), responses::all)
            .await;
        engine.reports()
    }
}

/// Who holds a resource, as [`Redlock::status`](crate::Redlock::status) found it.
#[derive(Clone, Debug)]
pub struct Status {
    state: LockState,
    lease_id: Option<LeaseId>,
    remaining: Option<Duration>,
    token: Option<FencingToken>,
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
    /// Too few nodes answered to tell.
    Unknown,
}

/// What one node said about a resource.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The node's name: its address, without credentials.
    pub node: Arc<str>,
    /// What is under the key there; `Ok(None)` if there is nothing.
    pub record: Result<Option<Record>, NodeError>,
}

impl Status {
    pub(crate) fn new(quorum: Quorum, names: &[Arc<str>], results: &NodeResults<Snapshot>) -> Self {
        let records: Vec<&Record> = results
            .iter()
            .flatten()
            .flatten()
            .filter_map(|it| it.record.as_ref())
            .filter(|it| it.id.is_some())
            .collect();
        let votes = |id: &Option<LeaseId>| records.iter().filter(|it| it.id == *id).count();
        let holder = records
            .iter()
            .map(|it| (votes(&it.id), &it.id))
            .max_by_key(|(count, _)| *count);
        let (most, lease_id) = holder.map_or((0, None), |(count, id)| (count, id.clone()));
        let silent = results.iter().filter(|result| result.is_none()).count();
        let failed = results
            .iter()
            .flatten()
            .filter(|result| result.is_err())
            .count();

        let state = if most >= quorum.needed() {
            LockState::Held
        } else if most + silent + failed < quorum.needed() {
            LockState::Free
        } else {
            LockState::Unknown
        };
        let lease_id = lease_id.filter(|_| state == LockState::Held);
        // Nodes that have another holder, or none, do not count: the quorum-th longest of the rest.
        let mut left: Vec<_> = records
            .iter()
            .filter(|it| it.id == lease_id)
            .filter_map(|it| it.remaining)
            .collect();
        left.sort_unstable_by(|a, b| b.cmp(a));
        let remaining = left.get(quorum.needed() - 1).copied();

        let unanswered = || NodeError::new(NodeErrorKind::Timeout, "");
        let nodes = names.iter().zip(results).map(|(name, result)| NodeStatus {
            node: Arc::clone(name),
            record: result
                .clone()
                .map_or_else(|| Err(unanswered()), |result| result.map(|it| it.record)),
        });
        let counters = results
            .iter()
            .flatten()
            .flatten()
            .filter_map(|it| it.counter);
        let token = counters.max().map(FencingToken::new);
        let is_certain = silent == 0
            || state == LockState::Held
            || (state == LockState::Free && most + silent < quorum.needed());
        Self {
            state,
            lease_id,
            remaining,
            token,
            nodes: nodes.collect(),
            is_certain,
        }
    }

    /// Whether a quorum of nodes has the same lease id.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state == LockState::Held
    }

    /// Held, free, or unknown.
    #[must_use]
    pub fn state(&self) -> LockState {
        self.state
    }

    /// By which lease it is held.
    #[must_use]
    pub fn lease_id(&self) -> Option<&LeaseId> {
        self.lease_id.as_ref()
    }

    /// How long a quorum of nodes keeps it if nothing extends it.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.remaining
    }

    /// The largest fencing token that any node has recorded: that of the last holder, or one that
    /// an attempt has used up without getting the lock.
    #[must_use]
    pub fn token(&self) -> Option<FencingToken> {
        self.token
    }

    /// What each node said, in the order in which they were configured. Nodes that had not
    /// answered when the rest was certain count as silent.
    #[must_use]
    pub fn nodes(&self) -> &[NodeStatus] {
        &self.nodes
    }

    /// Whether answers that are still out would change nothing.
    pub(crate) fn is_certain(&self) -> bool {
        self.is_certain
    }
}
