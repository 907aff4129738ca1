//! The verb `redlock lock`.

use std::io;
use std::time::Duration;

use redlock::LockGuard;
use rustix::process::{getpid, getppid};
use serde_json::json;

use crate::acquire::{Acquired, acquire};
use crate::args::{LockArgs, NodeArgs};
use crate::console::Console;
use crate::console::times::{deadline, milliseconds};
use crate::failure::Failure;
use crate::label;
use crate::nodes::{set, shut_down};
use crate::signals::Signals;
use crate::warnings;

/// Acquires a lock, prints its key, and leaves the lock in place for its validity.
pub(crate) async fn lock(
    args: &LockArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    if nodes.ttl.is_some() {
        return Err(Failure::usage(
            "--ttl: lock takes the validity behind the name",
        ));
    }
    let mut builder = nodes.builder_or_localhost(console)?;
    builder = builder.ttl(args.validity).auto_extend(false);
    if !nodes.has_label() {
        // This process ends at once. The lock is that of the script which has started it.
        builder = builder.label(label::of(getppid().unwrap_or_else(getpid), None));
    }
    if nodes.retry_count.is_none() && set("REDLOCK_RETRY_COUNT").is_none() {
        builder = builder.retry_count(1 + RETRIES);
    }
    let mut signals = Signals::listen()?;
    let acquired = acquire(
        builder,
        &args.name,
        nodes.wait().unwrap_or(Duration::MAX),
        Duration::ZERO,
        &mut signals,
    )
    .await;
    let Acquired { manager, guard } = acquired.inspect_err(|failure| {
        if failure.is_busy() {
            console.print("failed");
        }
    })?;
    for warning in warnings::about_nodes(&manager.known_nodes()) {
        console.warn(&warning);
    }
    if let Err(error) = print(&guard, console) {
        drop(guard);
        shut_down(&manager).await;
        return Err(Failure::system(format!(
            "cannot print the key, so the lock was released: {error}"
        )));
    }
    // A quorum has granted. A node that has not yet could lose a command on its way when this process
    // ends, and the lock would tolerate less. A response to a later command is proof of the earlier.
    let _elapsed = tokio::time::timeout(GRACE, manager.nodes()).await;
    // The lock stays on the nodes. The printed key releases it.
    let _lease = guard.detach();
    console.print("ok");
    Ok(0)
}

/// Prints the key, which is all that a script needs, or every detail as JSON.
fn print(guard: &LockGuard, console: &Console) -> io::Result<()> {
    let remaining = guard.remaining();
    let text = || format!("{}\n", guard.lease_id());
    let json = || {
        json!({
            "outcome": "locked",
            "name": guard.resource().to_string(),
            "key": guard.lease_id().to_string(),
            "token": guard.try_token().map(u64::from),
            "remaining_ms": milliseconds(remaining),
            "deadline_ms": deadline(remaining),
        })
    };
    console.result(text, json)
}

/// The number of retries after the first attempt, unless it is configured.
const RETRIES: u32 = 3;

/// How long to wait for nodes beyond a quorum: many round trips, and hardly noticeable to the user.
const GRACE: Duration = Duration::from_millis(50);
