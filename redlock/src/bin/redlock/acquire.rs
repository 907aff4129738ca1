//! Acquiring a lock as a command does: from nothing, and interrupted by signals.

use std::time::{Duration, Instant};

use redlock::{ConnectError, LockGuard, Redlock, RedlockBuilder};

use crate::failure::Failure;
use crate::nodes::farewell;
use crate::signals::Signals;

/// A lock, and the manager that it needs.
#[derive(Debug)]
pub(crate) struct Acquired {
    pub(crate) manager: Redlock,
    pub(crate) guard: LockGuard,
}

/// Tries for as long as `wait` to acquire `name`, and keeps it for `hold_at_least`. A signal ends the wait, and nothing is left behind.
pub(crate) async fn acquire(
    builder: RedlockBuilder,
    name: &str,
    wait: Duration,
    hold_at_least: Duration,
    signals: &mut Signals,
) -> Result<Acquired, Failure> {
    let start = Instant::now();
    let manager = tokio::select! {
        signal = signals.next() => return Err(Failure::interrupted(signal)),
        manager = connect(builder) => manager?,
    };
    let request = manager
        .lock(name)
        .hold_at_least(hold_at_least)
        .wait(wait.saturating_sub(start.elapsed()));
    let outcome = tokio::select! {
        signal = signals.next() => Err(Failure::interrupted(signal)),
        outcome = request => outcome.map_err(Failure::from),
    };
    match outcome {
        Ok(guard) => Ok(Acquired { manager, guard }),
        Err(failure) => {
            farewell(&manager).await;
            Err(failure)
        }
    }
}

/// Connects beforehand, so that the time it takes is not taken from the validity. Nodes that are
/// not there yet are left to the request, which waits as long as it was told to.
async fn connect(builder: RedlockBuilder) -> Result<Redlock, Failure> {
    match builder.clone().connect().await {
        Ok(manager) => Ok(manager),
        Err(ConnectError::NoQuorum { .. }) => Ok(builder.build()?),
        Err(error) => Err(error.into()),
    }
}
