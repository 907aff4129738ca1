//! The verb `redlock run`.

use std::pin::pin;
use std::time::Duration;

use redlock::LockGuard;

use crate::acquire::{Acquired, acquire};
use crate::args::{NodeArgs, RunArgs};
use crate::child::Child;
use crate::console::Console;
use crate::failure::Failure;
use crate::nodes::{duration, shut_down};
use crate::signals::Signals;
use crate::warnings;

/// Runs a command while a lock is held, and returns its exit code.
pub(crate) async fn run(
    args: &RunArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let mut builder = nodes.builder()?.auto_extend(true);
    if let Some(ttl) = args.ttl {
        builder = builder.ttl(ttl);
    }
    let mut signals = Signals::listen()?;
    let wait = args.wait.or_else(|| duration("REDLOCK_WAIT"));
    let (wait, hold) = (wait.unwrap_or(WAIT), args.hold_at_least);
    let acquired = acquire(builder, &args.name, wait, hold, &mut signals).await;
    let Acquired { manager, guard } = acquired?;
    let ttl = args.ttl.or_else(|| duration("REDLOCK_TTL"));
    let warnings = warnings::about_nodes(&manager.known_nodes());
    for warning in warnings
        .into_iter()
        .chain(ttl.and_then(warnings::about_ttl))
    {
        console.warn(&warning);
    }
    let outcome = run_under(&guard, args, &mut signals).await;
    // The exit code stays that of the command. An unreleased lock ends with its ttl.
    if let Err(error) = guard.release().await {
        console.report(&Failure::system(error));
    }
    shut_down(&manager).await;
    outcome
}

async fn run_under(
    guard: &LockGuard,
    args: &RunArgs,
    signals: &mut Signals,
) -> Result<u8, Failure> {
    let mut child = Child::spawn(&args.command, guard)?;
    let mut lost = pin!(guard.lost());
    loop {
        tokio::select! {
            // A lock that was lost before the command ended did not protect all of its work.
            biased;
            lost = &mut lost => {
                // Stop first, print later: stderr may be a full pipe.
                child.stop(args.grace).await;
                return Err(lost.into());
            }
            code = child.exit_code() => return code,
            signal = signals.next() => child.forward(signal),
        }
    }
}

/// How long to wait for the lock, unless it is configured.
const WAIT: Duration = Duration::from_secs(10);
