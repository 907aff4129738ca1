//! The verb `redlock status`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use redlock::node::Record;
use redlock::{LockState, NodeErrorKind, NodeStatus, Status};

use crate::args::{NodeArgs, StatusArgs};
use crate::console::without_control;
use crate::failure::{Failure, NO_QUORUM, NOT_OBTAINED, TAKEN};
use crate::nodes::build_without_ttl;

/// Prints who holds a lock.
pub(crate) async fn status(args: &StatusArgs, nodes: &NodeArgs) -> Result<u8, Failure> {
    let manager = build_without_ttl(nodes.builder()?)?;
    let status = manager.status(&args.name).await;
    // A closed stdout is no failure: the exit code carries the state too.
    let text = without_control(&describe(&status));
    io::stdout().write_all(text.as_bytes()).ok();
    Ok(match status.state() {
        LockState::Held => 0,
        LockState::Free => NOT_OBTAINED,
        LockState::Taken => TAKEN,
        _ => NO_QUORUM,
    })
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

/// Formats a duration to the millisecond, which is the precision of servers.
fn shown(remaining: Duration) -> humantime::FormattedDuration {
    let millis = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis))
}
