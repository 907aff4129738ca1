//! The state of a lock as JSON.

use redlock::{LockState, NodeStatus};
use serde_json::{Value, json};

use super::Lock;
use crate::console::line_of;
use crate::console::times::milliseconds;

/// Returns the line for one lock.
pub(super) fn line(Lock { name, status }: &Lock<'_>) -> String {
    let nodes: Vec<_> = status.nodes().iter().map(of_node).collect();
    let object = json!({
        "outcome": word(status.state()),
        "name": name,
        "key": status.lease_id().map(ToString::to_string),
        "label": status.label(),
        "token": status.token().map(u64::from),
        "remaining_ms": status.remaining().map(milliseconds),
        "waiting": status.waiters(),
        "nodes": nodes,
    });
    line_of(&object)
}

fn of_node(node: &NodeStatus) -> Value {
    let record = node.record.as_ref().ok().and_then(Option::as_ref);
    json!({
        "node": *node.node,
        "key": record.and_then(|it| it.id.as_ref()).map(ToString::to_string),
        "remaining_ms": record.and_then(|it| it.remaining).map(milliseconds),
        "is_lock": record.map(|it| it.id.is_some()),
        "error": node.record.as_ref().err().map(ToString::to_string),
        "refusal": node.refusal.as_ref().map(ToString::to_string),
    })
}

/// Returns the word for a state.
pub(super) fn word(state: LockState) -> &'static str {
    match state {
        LockState::Held => "held",
        LockState::Free => "free",
        LockState::Taken => "taken",
        LockState::NotALock => "not-a-lock",
        _ => "unknown",
    }
}
