//! Lock acquisition for one command, which signals can interrupt.

use std::time::{Duration, Instant};

use redlock::{ConnectError, LockGuard, Redlock, RedlockBuilder};

use crate::failure::Failure;
use crate::nodes::shut_down;
use crate::signals::Signals;

/// A held lock, and the manager that it needs.
#[derive(Debug)]
pub(crate) struct Acquired {
    pub(crate) manager: Redlock,
    pub(crate) guard: LockGuard,
}

/// Acquires `name` within `wait`, to be held for at least `hold_at_least`.
///
/// A signal ends the wait. It leaves no key on the nodes.
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
            shut_down(&manager).await;
            Err(failure)
        }
    }
}

/// Connects first, so that connecting takes no time from the validity. If too few nodes are usable
/// yet, connecting is left to the request, which has the rest of the wait for it.
async fn connect(builder: RedlockBuilder) -> Result<Redlock, Failure> {
    match builder.clone().connect().await {
        Ok(manager) => Ok(manager),
        Err(ConnectError::NoQuorum { .. }) => Ok(builder.build()?),
        Err(error) => Err(error.into()),
    }
}
