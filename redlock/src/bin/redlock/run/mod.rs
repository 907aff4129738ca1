//! The verb `redlock run`.

mod supervise;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use redlock::LockGuard;
use rustix::process::getpid;

use self::supervise::Supervision;
use crate::acquire::{Acquired, acquire_at_once};
use crate::args::{NodeArgs, OnBusy, RUN_USAGE, RunArgs};
use crate::child::Child;
use crate::console::Console;
use crate::console::stderr::Stderr;
use crate::ending::Ending;
use crate::failure::{Failure, FailureKind};
use crate::label;
use crate::nodes::{grace_after, shut_down_within};
use crate::signals::Signals;
use crate::warnings::{self, Warnings};

/// Runs a command while a lock is held, and ends as it did, or with the code of the failure.
pub(crate) async fn run(args: &RunArgs, nodes: &NodeArgs, console: &Console) -> Ending {
    let outcome = run_locked(args, nodes, console).await;
    outcome.unwrap_or_else(|failure| {
        if failure.is_busy() && args.on_busy == OnBusy::Skip {
            return 0.into();
        }
        console.fail(&failure);
        ending(failure.kind(), args.busy_exit_code)
    })
}

async fn run_locked(
    args: &RunArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<Ending, Failure> {
    let mut builder = nodes.builder()?.auto_extend(true);
    if !nodes.has_label() {
        let program = args.command.first().map(OsString::as_os_str);
        builder = builder.label(label::of(getpid(), program));
    }
    let mut signals = Signals::listen()?;
    Stderr::detach();
    let begin = Instant::now();
    let (wait, hold) = (nodes.wait().unwrap_or(WAIT), args.hold_at_least);
    let acquired = acquire_at_once(builder, &args.name, wait, hold, &mut signals).await;
    let Acquired { manager, guard } = acquired?;
    console.note(|| acquired_line(&guard, begin.elapsed()));
    let mut warnings = Warnings::new(console);
    warnings.show(warnings::about_ttl(manager.ttl()));
    warnings.show(warnings::about_wait(wait));
    warnings.show(warnings::about_nodes(&manager.known_nodes()));
    // So that the messages stand before those of the command.
    Stderr::flush_within(MESSAGE_LIMIT);
    let outcome = run_under(&guard, args, console, &mut signals).await;
    // A command may end before the slowest nodes have responded for the first time. A failure names
    // those that matter.
    if outcome.is_ok() {
        warnings.show(warnings::about_nodes(&manager.known_nodes()));
    }
    let start = Instant::now();
    // The exit code stays that of the command. An unreleased lock ends with its ttl.
    match guard.release().await {
        // A lock that was lost was released by others, or not at all.
        Ok(_) if outcome.is_ok() => {
            console.note(|| format!("released {} after {:.1?}", args.name, begin.elapsed()));
        }
        Err(error) if outcome.is_ok() => console.report(&Failure::system(error)),
        _ => {}
    }
    shut_down_within(&manager, grace_after(start.elapsed())).await;
    outcome
}

fn acquired_line(guard: &LockGuard, waited: Duration) -> String {
    let token = guard.try_token();
    let token = token.map_or_else(String::new, |it| format!(", token {it}"));
    format!("acquired {} after {waited:.1?}{token}", guard.resource())
}

async fn run_under(
    guard: &LockGuard,
    args: &RunArgs,
    console: &Console,
    signals: &mut Signals,
) -> Result<Ending, Failure> {
    signals.add_job_control()?;
    let mut child = Child::spawn(args, console.is_quiet(), guard)?;
    let outcome = Supervision::new(guard, &mut child, args.grace)
        .run(signals)
        .await;
    child.finish();
    outcome
}

/// Returns the end for a failure: with a code that no command uses by accident.
fn ending(kind: FailureKind, busy: u8) -> Ending {
    match kind {
        FailureKind::NotObtained => busy.into(),
        FailureKind::NoQuorum => 113.into(),
        FailureKind::Lost => 114.into(),
        FailureKind::Usage => RUN_USAGE.into(),
        FailureKind::Interrupted(signal) => Ending::Signal(signal),
    }
}

/// How long a message may take to be written: the lock is held meanwhile.
const MESSAGE_LIMIT: Duration = Duration::from_millis(20);

/// How long to wait for the lock, unless it is configured.
const WAIT: Duration = Duration::from_secs(10);
