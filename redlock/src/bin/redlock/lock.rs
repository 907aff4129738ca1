//! The verb `redlock lock`.

use std::io::{self, Write};
use std::time::Duration;

use redlock::LeaseId;

use crate::acquire::{Acquired, acquire};
use crate::args::{LockArgs, NodeArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::nodes::{set, shut_down};
use crate::signals::Signals;

/// Acquires a lock, prints its key, and leaves the lock in place for its validity.
pub(crate) async fn lock(
    args: &LockArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let validity = Duration::from_millis(args.validity);
    let mut builder = nodes.builder()?.ttl(validity).auto_extend(false);
    if let Some(delay) = args.retry_delay {
        builder = builder.retry_delay(Duration::from_millis(delay));
    }
    if let Some(rounds) = rounds(args) {
        builder = builder.retry_count(rounds);
    }
    let mut signals = Signals::listen()?;
    let acquired = acquire(
        builder,
        &args.name,
        Duration::MAX,
        Duration::ZERO,
        &mut signals,
    )
    .await;
    let Acquired { manager, guard } = acquired.inspect_err(|failure| {
        if failure.is_busy() {
            console.print("failed");
        }
    })?;
    if let Err(error) = print(guard.lease_id()) {
        drop(guard);
        shut_down(&manager).await;
        return Err(Failure::not_obtained(format!(
            "cannot print the key, so the lock was released: {error}"
        )));
    }
    // The lock stays on the nodes. The printed key releases it.
    let _lease = guard.detach();
    console.print("ok");
    Ok(0)
}

/// Returns the number of attempts to set, of which the first is no retry. Without one, they are
/// unlimited, or as many as the environment says. A count of -1 leaves them unlimited, because the
/// wait of this verb never ends.
fn rounds(args: &LockArgs) -> Option<u32> {
    match (args.retry_count, set("REDLOCK_RETRY_COUNT")) {
        (None, Some(_)) | (Some(-1), None) => None,
        (None, None) => Some(1 + RETRIES),
        (Some(retries), _) => {
            let retries = u32::try_from(retries).unwrap_or(u32::MAX);
            Some(retries.saturating_add(1))
        }
    }
}

fn print(key: &LeaseId) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{key}")?;
    stdout.flush()
}

/// The number of retries after the first attempt, unless it is configured.
const RETRIES: u32 = 3;
