//! The state of a resource and of the nodes, as the nodes report it.

mod figures;

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::deployment::Standing;
use crate::error::{NodeError, NodeErrorKind};
use crate::lease_id::LeaseId;
use crate::manager::Redlock;
use crate::manager::status::figures::{
    count_absent, counting_records, label_of, largest_token, most_common_id, most_waiters,
    remaining_at_quorum,
};
use crate::node::{Command, Inspect, NodeReport, Ping, Record, Snapshot};
use crate::quorum::Quorum;
use crate::quorum::responses;
use crate::quorum::responses::{NodeResults, Responses};
use crate::resource::Resource;
use crate::time::clock::Moment;
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
        let acquire = quorum.at_least(self.config().token_durability());
        let Ok(engine) = self.engine() else {
            let (results, refusals) = (vec![None; quorum.nodes()], vec![None; quorum.nodes()]);
            return Status::new(quorum, acquire, names, &results, refusals);
        };
        let timeout = engine.node_timeout(self.config().ttl);
        let (responses, end) = self.inspect_nodes(&engine, &resource);
        let status = |results: &NodeResults<_>| self.judge(&engine, results);
        let is_certain = |results: &NodeResults<_>| status(results).is_certain();
        let deadlines = engine.deadlines();
        responses.until(deadlines, end, is_certain).await;
        // Wait a little for the other nodes. Otherwise healthy ones would be shown as timed out.
        let end = Moment::now().saturating_add(validity::grace(timeout));
        let results = responses.until(deadlines, end, responses::all).await;
        if status(&results).state == LockState::Free {
            self.identified(&engine).await;
        }
        status(&results)
    }

    /// Queries all nodes. Returns the moment until which they may respond.
    pub(super) fn inspect_nodes(
        &self,
        engine: &Engine,
        resource: &Resource,
    ) -> (Arc<Responses<Snapshot>>, Moment) {
        let key = resource.key(&self.config().key_prefix);
        let responses = engine
            .broadcast(|responder| Command::Inspect(Inspect::new(Arc::clone(&key), responder)));
        let timeout = engine.node_timeout(self.config().ttl);
        (responses, Moment::now().saturating_add(timeout))
    }

    /// Waits until enough nodes are identified: the others may have lost locks.
    pub(super) async fn identified(&self, engine: &Engine) {
        let timeout = engine.node_timeout(self.config().ttl);
        let needed = engine.acquire_quorum().needed();
        engine.deployment().usable(needed, timeout).await;
    }

    /// Decides from the responses so far.
    pub(super) fn judge(&self, engine: &Engine, results: &NodeResults<Snapshot>) -> Status {
        let (quorum, acquire) = (engine.quorum(), engine.acquire_quorum());
        let standings = engine.deployment().standings();
        let refusals = standings.iter().map(Standing::refusal).collect();
        Status::new(quorum, acquire, engine.names(), results, refusals)
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
        let end = Moment::now().saturating_add(self.config().silence_limit());
        let deadlines = engine.deadlines();
        let _results = responses.until(deadlines, end, responses::all).await;
        // A node that responds is identified within a few round trips.
        engine
            .deployment()
            .settled(self.config().silence_limit())
            .await;
        engine.reports()
    }

    /// Reports each node as it is known now, in the order of configuration, without contacting it.
    ///
    /// Costs no more than reading a few fields, so that a dashboard may ask often. A node that this
    /// runtime has not contacted yet is [connecting](crate::node::NodeHealth::Connecting). Outside
    /// a Tokio runtime with timers the list is empty.
    #[must_use]
    pub fn known_nodes(&self) -> Vec<NodeReport> {
        self.engine().map_or_else(|_| Vec::new(), |it| it.reports())
    }
}

/// The state of a resource, returned by [`Redlock::status`](crate::Redlock::status).
#[derive(Clone, Debug)]
pub struct Status {
    state: LockState,
    lease_id: Option<LeaseId>,
    label: Option<Arc<str>>,
    remaining: Option<Duration>,
    token: Option<FencingToken>,
    waiters: u32,
    nodes: Vec<NodeStatus>,
    is_certain: bool,
}

/// Whether a resource is locked, and what a request without a wait would return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockState {
    /// A quorum of nodes has the same lease id. A request is
    /// [busy](crate::LockError::Busy).
    Held,
    /// The key is absent on enough nodes for an acquisition. A request is granted.
    Free,
    /// So many nodes have the key that no acquisition is possible, but no lease id is known to have a
    /// quorum. Contenders have split the votes, a lease has lost nodes, or some of its nodes did not
    /// respond. A request is [busy](crate::LockError::Busy).
    Taken,
    /// So many nodes have something other than a lock under the key that no acquisition is possible.
    /// A request fails with [`NotALock`](crate::LockError::NotALock).
    NotALock,
    /// Too few nodes responded, or have a vote. A request fails with
    /// [`NoQuorum`](crate::LockError::NoQuorum) or [`Quarantined`](crate::LockError::Quarantined).
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
    /// Why the node has no vote on new locks, if it has none. It then does not count as free.
    pub refusal: Option<NodeError>,
}

impl Status {
    /// Decides from the responses so far. `acquire` is the quorum of an acquisition, and `refusals`
    /// are the reasons of the nodes that have no vote.
    pub(crate) fn new(
        quorum: Quorum,
        acquire: Quorum,
        names: &[Arc<str>],
        results: &NodeResults<Snapshot>,
        refusals: Vec<Option<NodeError>>,
    ) -> Self {
        let records = counting_records(results, &refusals);
        let (votes, most_common_id) = most_common_id(&records);
        let not_a_lock = records.iter().filter(|it| it.id.is_none()).count();
        let absent = count_absent(results, &refusals);
        let silent = results.iter().filter(|result| result.is_none()).count();

        let state = if votes >= quorum.needed() {
            LockState::Held
        } else if absent >= acquire.needed() {
            LockState::Free
        } else if not_a_lock >= acquire.blocking() {
            LockState::NotALock
        } else if records.len() >= acquire.blocking() {
            LockState::Taken
        } else {
            LockState::Unknown
        };
        let may_be_held = votes + silent >= quorum.needed();
        let may_be_decided =
            absent + silent >= acquire.needed() || records.len() + silent >= acquire.blocking();
        let is_certain = match state {
            LockState::Held | LockState::Free => true,
            LockState::Taken | LockState::NotALock => !may_be_held,
            LockState::Unknown => !may_be_held && !may_be_decided,
        };
        let lease_id = most_common_id.filter(|_| state == LockState::Held);
        Self {
            state,
            label: label_of(&records, lease_id.as_ref()),
            remaining: remaining_at_quorum(&records, lease_id.as_ref(), quorum),
            lease_id,
            token: largest_token(results),
            waiters: most_waiters(results),
            nodes: node_statuses(names, results, refusals),
            is_certain,
        }
    }

    /// Whether a quorum of nodes has the same lease id.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state == LockState::Held
    }

    /// Whether the resource is held, free, or neither.
    #[must_use]
    pub fn state(&self) -> LockState {
        self.state
    }

    /// The id of the lease that holds the resource.
    #[must_use]
    pub fn lease_id(&self) -> Option<&LeaseId> {
        self.lease_id.as_ref()
    }

    /// The [label](crate::RedlockBuilder::label) of the holder, if its manager has one and it was written.
    ///
    /// Any text of at most 128 bytes: escape control characters where it is shown.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// How long a quorum of nodes keeps the lock if it is not extended. `None` if it is not held, or
    /// has no expiry: other libraries set such locks.
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

fn node_statuses(
    names: &[Arc<str>],
    results: &NodeResults<Snapshot>,
    refusals: Vec<Option<NodeError>>,
) -> Vec<NodeStatus> {
    let timed_out = || NodeError::new(NodeErrorKind::Timeout, "");
    let nodes = names.iter().zip(results).zip(refusals);
    let nodes = nodes.map(|((name, result), refusal)| NodeStatus {
        node: Arc::clone(name),
        record: result
            .clone()
            .map_or_else(|| Err(timed_out()), |result| result.map(|it| it.record)),
        refusal,
    });
    nodes.collect()
}

#[cfg(test)]
mod tests;
