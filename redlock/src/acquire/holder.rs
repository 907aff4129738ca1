//! The label of the holder in the error of a busy lock.

use std::sync::Arc;

use crate::engine::Engine;
use crate::error::LockError;
use crate::node::{Command, Inspect, Record, Snapshot};
use crate::quorum::Quorum;
use crate::quorum::responses;
use crate::quorum::responses::NodeResults;
use crate::time::clock::Moment;

/// Adds the label of the holder to the error of a busy lock, if this manager has a label itself. Takes
/// one round trip, at most the node timeout.
///
/// Cancel safe: nothing is changed.
pub(super) async fn name(engine: &Engine, mut error: LockError) -> LockError {
    let config = engine.config();
    let Some(ours) = &config.label else {
        return error;
    };
    let LockError::Busy {
        resource,
        others: 0,
        busy: 1..,
        is_local,
        holder,
        ..
    } = &mut error
    else {
        return error;
    };
    if *is_local {
        *holder = Some(Arc::clone(ours));
        return error;
    }
    let key = resource.key(&config.key_prefix);
    let responses =
        engine.broadcast(|responder| Command::Inspect(Inspect::new(Arc::clone(&key), responder)));
    let end = Moment::now().saturating_add(engine.node_timeout(config.ttl));
    let quorum = engine.quorum();
    let is_enough = |results: &NodeResults<_>| {
        responses::all(results) || label_at_quorum(results, quorum).is_some()
    };
    let results = responses.until(engine.deadlines(), end, is_enough).await;
    *holder = label_at_quorum(&results, quorum);
    error
}

/// Returns the label of the lease that a quorum of nodes has. Some of them may lack the label.
fn label_at_quorum(results: &NodeResults<Snapshot>, quorum: Quorum) -> Option<Arc<str>> {
    let records = || {
        let snapshots = results.iter().flatten().flatten();
        snapshots.filter_map(|snapshot| snapshot.record.as_ref())
    };
    let has_quorum = |record: &&Record| {
        let nodes = records().filter(|it| it.id.is_some() && it.id == record.id);
        nodes.count() >= quorum.needed()
    };
    let named = records().filter(|record| record.label.is_some());
    named.filter(has_quorum).find_map(|it| it.label.clone())
}
