//! `redlock lock`

use std::io::{self, Write};
use std::time::Duration;

use redlock::LeaseId;

use crate::acquire::{Acquired, acquire};
use crate::args::{LockArgs, NodeArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::nodes::{farewell, max_ttl};
use crate::signals::Signals;

/// Acquires a lock, prints its key, and leaves it for its validity.
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
    // Without a count, attempts go on for as long as the wait, which has no end here.
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
            console.say("failed");
        }
    })?;
    if let Err(error) = print(guard.lease_id()) {
        drop(guard);
        farewell(&manager).await;
        return Err(Failure::not_obtained(format!(
            "released again: its key cannot be printed: {error}"
        )));
    }
    // Left as it is; the key that frees it was printed.
    let _lease = guard.detach();
    console.say("ok");
    Ok(0)
}

fn print(key: &LeaseId) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{key}")?;
    stdout.flush()
}
