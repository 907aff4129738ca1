//! The verb `redlock break`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use redlock::{Broken, Redlock, UnlockError};
use serde_json::{Value, json};

use crate::args::{BreakArgs, NodeArgs};
use crate::console::times::{milliseconds, shown};
use crate::console::{Console, on_one_line};
use crate::failure::{Failure, NOT_OBTAINED};
use crate::nodes::shut_down;
use crate::status::describe;

/// Deletes the lock of any holder.
pub(crate) async fn break_lock(
    args: &BreakArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let manager = nodes.build_without_ttl(nodes.builder()?)?;
    let asks = !args.yes && io::stdin().is_terminal();
    if asks && !is_confirmed(&manager, &args.name).await {
        console.print("not broken");
        let json = || json!({ "outcome": "not-confirmed", "name": args.name });
        console.result(String::new, json).ok();
        return Ok(NOT_OBTAINED);
    }
    let outcome = manager.force_release(&args.name).await;
    let outcome = match outcome {
        Ok(broken) => {
            console
                .result(|| text(&broken), || json(&args.name, &broken))
                .ok();
            Ok(if broken.was_held() { 0 } else { NOT_OBTAINED })
        }
        Err(UnlockError::NoQuorum { report }) => {
            let nodes = report.nodes().iter();
            let causes = nodes.map(|it| format!("{}: {}", it.node(), it.outcome()));
            Err(Failure::nodes(
                "no quorum of nodes confirmed that the lock is gone",
                causes,
            ))
        }
        Err(UnlockError::Invalid(error)) => Err(error.into()),
        Err(error) => Err(Failure::system(error)),
    };
    shut_down(&manager).await;
    outcome
}

/// Shows the lock at the terminal, and asks whether to break it.
///
/// Asks again if the lock has another holder by the time of the answer.
async fn is_confirmed(manager: &Redlock, name: &str) -> bool {
    loop {
        let shown = manager.status(name).await;
        if !is_yes(&describe(&shown), name) {
            return false;
        }
        if manager.status(name).await.lease_id() == shown.lease_id() {
            return true;
        }
        Console::ask("The holder has changed meanwhile.\n");
    }
}

/// Asks whether to break a lock.
fn is_yes(status: &str, name: &str) -> bool {
    let name = on_one_line(name);
    Console::ask(&format!("{status}Break the lock on {name}? [y/N] "));
    // Blocks the only thread: nothing else is to be done meanwhile.
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).ok();
    ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

fn text(broken: &Broken) -> String {
    let mut text = match broken.lease_ids() {
        [] => "free, so nothing was deleted\n".to_owned(),
        _ if !broken.was_held() => "gone before it was deleted\n".to_owned(),
        ids => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("broken: was held by {}\n", ids.join(", "))
        }
    };
    if let Some(label) = broken.label() {
        _ = writeln!(text, "label {}", on_one_line(label));
    }
    if let Some(token) = broken.token() {
        _ = writeln!(text, "token {token}");
    }
    if let Some(remaining) = broken.remaining() {
        _ = writeln!(text, "remaining {}", shown(remaining));
    }
    for node in broken.nodes() {
        _ = writeln!(text, "  {}: {}", node.node(), node.outcome());
    }
    text
}

fn json(name: &str, broken: &Broken) -> Value {
    let nodes = broken.nodes().iter();
    let nodes: Vec<_> = nodes
        .map(|it| json!({ "node": it.node(), "outcome": it.outcome().to_string() }))
        .collect();
    let keys = broken.lease_ids().iter();
    json!({
        "outcome": if broken.was_held() { "broken" } else { "free" },
        "name": name,
        "keys": keys.map(ToString::to_string).collect::<Vec<_>>(),
        "label": broken.label(),
        "token": broken.token().map(u64::from),
        "remaining_ms": broken.remaining().map(milliseconds),
        "nodes": nodes,
    })
}
