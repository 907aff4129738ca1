//! The figures of a status: counts over the responses of all nodes.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind};
use crate::lease_id::LeaseId;
use crate::node::{Record, Snapshot};
use crate::quorum::Quorum;
use crate::quorum::responses::NodeResults;
use crate::token::FencingToken;

/// Returns the records of all nodes but those that are another name of a server, or part of another
/// deployment.
pub(super) fn counting_records<'a>(
    results: &'a NodeResults<Snapshot>,
    refusals: &[Option<NodeError>],
) -> Vec<&'a Record> {
    let is_misplaced = |refusal: &Option<NodeError>| matches!(refusal, Some(error) if error.kind() == NodeErrorKind::Misplaced);
    let counting = results.iter().zip(refusals);
    counting
        .filter(|(_, refusal)| !is_misplaced(refusal))
        .filter_map(|(result, _)| result.as_ref()?.as_ref().ok()?.record.as_ref())
        .collect()
}

/// Counts the nodes that could grant the lock: the key is absent, and they have a vote.
pub(super) fn count_absent(
    results: &NodeResults<Snapshot>,
    refusals: &[Option<NodeError>],
) -> usize {
    let is_absent = |result: &Option<Result<Snapshot, NodeError>>| matches!(result, Some(Ok(snapshot)) if snapshot.record.is_none());
    let nodes = results.iter().zip(refusals);
    nodes
        .filter(|(result, refusal)| is_absent(result) && refusal.is_none())
        .count()
}

/// Returns the lease id that most nodes have, with the number of those nodes.
pub(super) fn most_common_id(records: &[&Record]) -> (usize, Option<LeaseId>) {
    let ids = || records.iter().filter_map(|record| record.id.as_ref());
    ids()
        .map(|id| (ids().filter(|it| *it == id).count(), id))
        .max_by_key(|(votes, _)| *votes)
        .map_or((0, None), |(votes, id)| (votes, Some(id.clone())))
}

/// Returns the time for which a quorum of nodes keeps the lease: the quorum-th longest of those
/// that have it. `None` if they keep it without expiry.
pub(super) fn remaining_at_quorum(
    records: &[&Record],
    lease_id: Option<&LeaseId>,
    quorum: Quorum,
) -> Option<Duration> {
    let lease_id = lease_id?;
    let mut remaining: Vec<_> = records
        .iter()
        .filter(|record| record.id.as_ref() == Some(lease_id))
        .map(|record| record.remaining.unwrap_or(Duration::MAX))
        .collect();
    remaining.sort_unstable_by(|a, b| b.cmp(a));
    let remaining = remaining.get(quorum.needed() - 1).copied();
    remaining.filter(|remaining| *remaining != Duration::MAX)
}

/// Returns the label of the lease from any node that has it.
pub(super) fn label_of(records: &[&Record], lease_id: Option<&LeaseId>) -> Option<Arc<str>> {
    let lease_id = lease_id?;
    let ours = records.iter().filter(|it| it.id.as_ref() == Some(lease_id));
    ours.filter_map(|it| it.label.clone()).next()
}

pub(super) fn largest_token(results: &NodeResults<Snapshot>) -> Option<FencingToken> {
    let snapshots = results.iter().flatten().flatten();
    let counters = snapshots.filter_map(|snapshot| snapshot.counter);
    counters.max().map(FencingToken::new)
}

pub(super) fn most_waiters(results: &NodeResults<Snapshot>) -> u32 {
    let snapshots = results.iter().flatten().flatten();
    let waiters = snapshots.filter_map(|snapshot| snapshot.waiters);
    waiters.max().unwrap_or_default()
}
