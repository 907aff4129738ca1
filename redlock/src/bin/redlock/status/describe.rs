//! The state of one lock, in detail.

use std::fmt::Write as _;

use redlock::node::Record;
use redlock::{LockState, NodeErrorKind, NodeStatus, Status};

use crate::console::on_one_line;
use crate::console::times::shown;

/// Describes the lock, and what each node has.
pub(crate) fn describe(status: &Status) -> String {
    let mut text = match (status.state(), status.lease_id()) {
        (LockState::Held, Some(id)) => format!("held by {id}\n"),
        (LockState::Held, None) => "held\n".to_owned(),
        (LockState::Free, _) => "free\n".to_owned(),
        (LockState::Taken, _) => "taken, but no holder has a quorum\n".to_owned(),
        (LockState::NotALock, _) => "not a lock: the key has another type\n".to_owned(),
        _ => "unknown: too few nodes with a vote responded\n".to_owned(),
    };
    if let Some(label) = status.label() {
        _ = writeln!(text, "label {}", on_one_line(label));
    }
    if let Some(token) = status.token() {
        _ = writeln!(text, "token {token}");
    }
    match status.remaining() {
        Some(remaining) => _ = writeln!(text, "remaining {}", shown(remaining)),
        None if status.is_held() => text.push_str("without expiry\n"),
        None => {}
    }
    if status.waiters() > 0 {
        _ = writeln!(text, "waiting {}", status.waiters());
    }
    for node in status.nodes() {
        _ = writeln!(text, "  {}: {}", node.node, describe_node(node, status));
    }
    text
}

fn describe_node(node: &NodeStatus, status: &Status) -> String {
    match &node.record {
        Ok(None) => match &node.refusal {
            Some(refusal) => format!("no key, but {refusal}"),
            None => "free".to_owned(),
        },
        Ok(Some(record)) => describe_record(record),
        // The other nodes settled the state before this one responded.
        Err(error)
            if error.kind() == NodeErrorKind::Timeout && status.state() != LockState::Unknown =>
        {
            "no response yet".to_owned()
        }
        Err(error) => error.to_string(),
    }
}

fn describe_record(record: &Record) -> String {
    let holder = match &record.id {
        Some(id) => format!("held by {id}"),
        None => "something that is not a lock".to_owned(),
    };
    match record.remaining {
        Some(remaining) => format!("{holder}, remaining {}", shown(remaining)),
        None => format!("{holder}, without expiry"),
    }
}
