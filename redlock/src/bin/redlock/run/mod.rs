//! The verb `redlock run`.

mod supervise;

use std::time::{Duration, Instant};

use redlock::LockGuard;

use self::supervise::Supervision;
use crate::acquire::{Acquired, acquire_at_once};
use crate::args::{NodeArgs, OnBusy, RUN_USAGE, RunArgs};
use crate::child::Child;
use crate::console::Console;
use crate::failure::{Failure, FailureKind, interrupted};
use crate::nodes::{duration, grace_after, shut_down_within};
use crate::signals::Signals;
use crate::warnings;

/// Runs a command while a lock is held, and returns its exit code or that of the failure.
pub(crate) async fn run(
    args: &RunArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let outcome = run_locked(args, nodes, console).await;
    Ok(outcome.unwrap_or_else(|failure| {
        if failure.is_busy() && args.on_busy == OnBusy::Skip {
            return 0;
        }
        console.report(&failure);
        exit_code(failure.kind(), args.busy_exit_code)
    }))
}

async fn run_locked(args: &RunArgs, nodes: &NodeArgs, console: &Console) -> Result<u8, Failure> {
    let mut builder = nodes.builder()?.auto_extend(true);
    if let Some(ttl) = args.ttl {
        builder = builder.ttl(ttl);
    }
    let mut signals = Signals::listen()?;
    let wait = args.wait.or_else(|| duration("REDLOCK_WAIT"));
    let (wait, hold) = (wait.unwrap_or(WAIT), args.hold_at_least);
    let acquired = acquire_at_once(builder, &args.name, wait, hold, &mut signals).await;
    let Acquired { manager, guard } = acquired?;
    let ttl = args.ttl.or_else(|| duration("REDLOCK_TTL"));
    let warnings = warnings::about_nodes(&manager.known_nodes());
    for warning in warnings
        .into_iter()
        .chain(ttl.and_then(warnings::about_ttl))
    {
        console.warn(&warning);
    }
    let outcome = run_under(&guard, args, console, &mut signals).await;
    let start = Instant::now();
    // The exit code stays that of the command. An unreleased lock ends with its ttl.
    if let Err(error) = guard.release().await {
        console.report(&Failure::system(error));
    }
    shut_down_within(&manager, grace_after(start.elapsed())).await;
    outcome
}

async fn run_under(
    guard: &LockGuard,
    args: &RunArgs,
    console: &Console,
    signals: &mut Signals,
) -> Result<u8, Failure> {
    signals.add_job_control()?;
    let mut child = Child::spawn(args, console.is_quiet(), guard)?;
    let outcome = Supervision::new(guard, &mut child, args.grace)
        .run(signals)
        .await;
    child.finish();
    outcome
}

/// Returns the exit code for a failure: one that no command uses by accident.
fn exit_code(kind: FailureKind, busy: u8) -> u8 {
    match kind {
        FailureKind::NotObtained => busy,
        FailureKind::NoQuorum => 113,
        FailureKind::Lost => 114,
        FailureKind::Usage => RUN_USAGE,
        FailureKind::Interrupted(signal) => interrupted(signal),
    }
}

/// How long to wait for the lock, unless it is configured.
const WAIT: Duration = Duration::from_secs(10);
