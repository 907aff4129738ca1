//! The verb `redlock status`.

use std::fmt::Write as _;

use redlock::node::Record;
use redlock::{LockState, NodeErrorKind, NodeStatus, Status};

use serde_json::{Value, json};

use crate::args::{NodeArgs, StatusArgs};
use crate::console::Console;
use crate::console::times::{milliseconds, shown};
use crate::failure::{Failure, NO_QUORUM, NOT_OBTAINED, TAKEN};
use crate::nodes::build_without_ttl;

/// Prints who holds a lock.
pub(crate) async fn status(
    args: &StatusArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let manager = build_without_ttl(nodes.builder()?)?;
    let status = manager.status(&args.name).await;
    // A closed stdout is no failure: the exit code carries the state too.
    console
        .result(|| describe(&status), || json(&args.name, &status))
        .ok();
    Ok(match status.state() {
        LockState::Held => 0,
        LockState::Free => NOT_OBTAINED,
        LockState::Taken => TAKEN,
        _ => NO_QUORUM,
    })
}

fn json(name: &str, status: &Status) -> Value {
    let nodes: Vec<_> = status.nodes().iter().map(json_of_node).collect();
    json!({
        "outcome": word(status.state()),
        "name": name,
        "key": status.lease_id().map(ToString::to_string),
        "token": status.token().map(u64::from),
        "remaining_ms": status.remaining().map(milliseconds),
        "waiting": status.waiters(),
        "nodes": nodes,
    })
}

fn json_of_node(node: &NodeStatus) -> Value {
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

fn word(state: LockState) -> &'static str {
    match state {
        LockState::Held => "held",
        LockState::Free => "free",
        LockState::Taken => "taken",
        LockState::NotALock => "not-a-lock",
        _ => "unknown",
    }
}

fn describe(status: &Status) -> String {
    let mut text = match (status.state(), status.lease_id()) {
        (LockState::Held, Some(id)) => format!("held by {id}\n"),
        (LockState::Held, None) => "held\n".to_owned(),
        (LockState::Free, _) => "free\n".to_owned(),
        (LockState::Taken, _) => "taken, but no holder has a quorum\n".to_owned(),
        (LockState::NotALock, _) => "not a lock: the key has another type\n".to_owned(),
        _ => "unknown: too few nodes with a vote responded\n".to_owned(),
    };
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
