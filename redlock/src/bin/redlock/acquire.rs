//! Lock acquisition for one command, which signals can interrupt.

use std::future::{Future, ready};
use std::time::{Duration, Instant};

use redlock::{ConnectError, LockError, LockGuard, Redlock, RedlockBuilder};

use crate::failure::{Failure, FailureKind};
use crate::nodes::{grace_after, shut_down_within};
use crate::signals::Signals;

/// A held lock, and the manager that it needs.
#[derive(Debug)]
pub(crate) struct Acquired {
    pub(crate) manager: Redlock,
    pub(crate) guard: LockGuard,
}

/// Acquires `name` within `wait`, to be held for at least `hold_at_least`. Connects first.
///
/// A signal ends the wait. It leaves no key on the nodes.
pub(crate) async fn acquire(
    builder: RedlockBuilder,
    name: &str,
    wait: Duration,
    hold_at_least: Duration,
    signals: &mut Signals,
) -> Result<Acquired, Failure> {
    acquire_from(connect(builder), name, wait, hold_at_least, signals).await
}

/// Acquires a lock like [`acquire`], but connects along with the first attempt.
///
/// To connect first takes another tenth of a second if a node hangs. It is left to a second attempt,
/// for which there is a reason if connecting has taken longer than one attempt may take.
pub(crate) async fn acquire_at_once(
    builder: RedlockBuilder,
    name: &str,
    wait: Duration,
    hold_at_least: Duration,
    signals: &mut Signals,
) -> Result<Acquired, Failure> {
    let start = Instant::now();
    let manager = ready(builder.clone().build().map_err(Failure::from));
    let first = acquire_from(manager, name, wait, hold_at_least, signals).await;
    match first {
        Err(failure)
            if failure.kind() == FailureKind::NoQuorum && start.elapsed() < CONNECT_TIMEOUT =>
        {
            let wait = wait.saturating_sub(start.elapsed());
            acquire(builder, name, wait, hold_at_least, signals).await
        }
        first => first,
    }
}

async fn acquire_from(
    manager: impl Future<Output = Result<Redlock, Failure>>,
    name: &str,
    wait: Duration,
    hold_at_least: Duration,
    signals: &mut Signals,
) -> Result<Acquired, Failure> {
    let start = Instant::now();
    let manager = tokio::select! {
        signal = signals.next() => return Err(Failure::interrupted(signal)),
        manager = manager => manager?,
    };
    let wait = wait.saturating_sub(start.elapsed());
    let request = decided(&manager, name, wait, hold_at_least);
    let outcome = tokio::select! {
        signal = signals.next() => Err(Failure::interrupted(signal)),
        outcome = request => outcome.map_err(Failure::from),
    };
    match outcome {
        Ok(guard) => Ok(Acquired { manager, guard }),
        Err(failure) => {
            // The attempt has taken a few round trips, and perhaps a long wait.
            let grace = grace_after(start.elapsed().min(LONG_ROUND_TRIP));
            shut_down_within(&manager, grace).await;
            Err(failure)
        }
    }
}

/// Requests the lock, and once more while no process has it: requests that begin at the same moment can split
/// the votes, so that all of them are refused. Of hosts that skip a job which another one does, none
/// would do it.
async fn decided(
    manager: &Redlock,
    name: &str,
    wait: Duration,
    hold_at_least: Duration,
) -> Result<LockGuard, LockError> {
    let request = |wait| manager.lock(name).hold_at_least(hold_at_least).wait(wait);
    let mut outcome = request(wait).await;
    let start = Instant::now();
    while matches!(&outcome, Err(error) if error.is_busy()) && start.elapsed() < SPLIT_LIMIT {
        if manager.status(name).await.is_held() {
            break;
        }
        // A random pause, in which one of them comes first.
        tokio::time::sleep(SPLIT_PAUSE.mul_f64(rand::random::<f64>())).await;
        outcome = request(Duration::ZERO).await;
    }
    outcome
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

/// The limit of one attempt to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A round trip to distant nodes.
const LONG_ROUND_TRIP: Duration = Duration::from_millis(100);

/// How long to go on while no process has the lock. Votes are split again only a few times.
const SPLIT_LIMIT: Duration = Duration::from_secs(2);

/// The longest pause before a request after a split vote: the time of many rounds.
const SPLIT_PAUSE: Duration = Duration::from_millis(50);
