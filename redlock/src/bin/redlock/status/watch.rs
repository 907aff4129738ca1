//! The states of locks, again and again.

use std::io::{self, ErrorKind};
use std::time::Duration;

use redlock::Redlock;
use tokio::time::MissedTickBehavior;

use super::{Lock, code, look, print, print_named, table};
use crate::args::StatusArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::signals::Signals;

/// Prints the states until a signal, and returns the exit code of the last ones.
///
/// On a terminal the table stays in place. Elsewhere, and as JSON, a lock is printed when its state has
/// changed.
pub(super) async fn watch(
    manager: &Redlock,
    args: &StatusArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let mut signals = Signals::listen()?;
    let mut ticks = tokio::time::interval(args.interval.max(SHORTEST));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Vec<Lock<'_>> = Vec::new();
    loop {
        let next = async {
            ticks.tick().await;
            look(manager, &args.names).await
        };
        let locks = tokio::select! {
            biased;
            signal = signals.next() => return match last.is_empty() {
                true => Err(Failure::interrupted(signal)),
                false => Ok(code(&last)),
            },
            locks = next => locks,
        };
        match show(&locks, &last, console) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                return Err(Failure::stdout(error));
            }
            Ok(()) if Console::has_reader() => last = locks,
            // As after `| grep -m1 held`: the reader has seen enough.
            _ => return Ok(code(&locks)),
        }
    }
}

/// Shows the table on a terminal. Elsewhere shows the locks that have changed since the last look.
fn show(locks: &[Lock<'_>], last: &[Lock<'_>], console: &Console) -> io::Result<()> {
    if console.is_live() {
        return Console::redraw(&table::table(locks));
    }
    let is_new = |lock: &&Lock<'_>| last.iter().all(|it| !is_same(it, lock));
    let mut changed = locks.iter().filter(is_new);
    changed.try_for_each(|lock| match locks.len() {
        1 => print(std::slice::from_ref(lock), console),
        _ => print_named(lock, console),
    })
}

/// Whether a lock has the holder that it had. The time left changes all the time.
fn is_same(a: &Lock<'_>, b: &Lock<'_>) -> bool {
    let (x, y) = (&a.status, &b.status);
    a.name == b.name && x.state() == y.state() && x.lease_id() == y.lease_id()
}

/// More often would be a load on the servers, and no help to the eye.
const SHORTEST: Duration = Duration::from_millis(50);
