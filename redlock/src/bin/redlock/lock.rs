//! The verb `redlock lock`.

use std::io::{self, Write};
use std::time::Duration;

use redlock::LeaseId;

use crate::acquire::{Acquired, acquire};
use crate::args::{LockArgs, NodeArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::nodes::{max_ttl, shut_down};
use crate::signals::Signals;

/// Acquires a lock, prints its key, and leaves the lock in place for its validity.
pub(crate) async fn lock(
    args: &LockArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let validity = Duration::from_millis(args.validity);
    let mut builder = nodes
        .builder()?
        .ttl(validity)
        .max_ttl(max_ttl(validity))
        .retry_delay(Duration::from_millis(args.retry_delay))
        .auto_extend(false);
    // A count of -1 leaves attempts unlimited, because this wait never ends.
    if let Ok(retries) = u32::try_from(args.retry_count) {
        builder = builder.retry_count(retries.saturating_add(1));
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

fn print(key: &LeaseId) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{key}")?;
    stdout.flush()
}
