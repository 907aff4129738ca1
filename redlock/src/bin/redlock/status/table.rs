//! The states of several locks, as a table.

use redlock::{LockState, NodeErrorKind, NodeStatus, Status};

use super::{Lock, json};
use crate::console::on_one_line;
use crate::console::table::Table;
use crate::console::times::shown;

/// Returns a row for each lock, with a column for each node.
pub(super) fn table(locks: &[Lock<'_>]) -> String {
    let mut table = Table::new(["NAME", "STATE", "LEFT", "TOKEN", "WAITING", "HOLDER"]);
    if let Some(lock) = locks.first() {
        for node in lock.status.nodes() {
            table.add_column(&node.node);
        }
    }
    for lock in locks {
        table.add_row(row(lock.name, &lock.status));
    }
    table.to_string()
}

fn row(name: &str, status: &Status) -> Vec<String> {
    let left = match status.remaining() {
        Some(remaining) => shown(remaining).to_string(),
        None if status.is_held() => "no expiry".to_owned(),
        None => String::new(),
    };
    let mut row = vec![
        on_one_line(name),
        json::word(status.state()).to_owned(),
        left,
        status.token().map(|it| it.to_string()).unwrap_or_default(),
        status.waiters().to_string(),
        holder(status),
    ];
    row.extend(status.nodes().iter().map(|node| on_node(node, status)));
    row
}

/// Returns the label of the holder, or its key.
fn holder(status: &Status) -> String {
    let key = || status.lease_id().map(ToString::to_string);
    let label = status.label().map(on_one_line);
    label.or_else(key).unwrap_or_default()
}

/// Returns what a node has, in a word.
fn on_node(node: &NodeStatus, status: &Status) -> String {
    let word = match &node.record {
        Ok(None) if node.refusal.is_some() => "no vote",
        Ok(None) => "free",
        Ok(Some(record)) if record.id.is_none() => "not a lock",
        Ok(Some(record)) if record.id.as_ref() == status.lease_id() => "held",
        Ok(Some(_)) => "other",
        // The other nodes settled the state before this one responded.
        Err(error)
            if error.kind() == NodeErrorKind::Timeout && status.state() != LockState::Unknown =>
        {
            "-"
        }
        Err(_) => "error",
    };
    word.to_owned()
}
