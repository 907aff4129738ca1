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

/// What is to be acquired.
struct Request<'a> {
    name: &'a str,
    wait: Duration,
    hold_at_least: Duration,
    /// Whether to try again if no one has the lock in the end.
    retries_split: bool,
}

impl Request<'_> {
    /// Acquires the lock within `wait`.
    ///
    /// Of three contenders that start at the same moment, each can get one of three nodes. Each then
    /// finds the lock busy, and the work that they share would be done by none of them.
    async fn attempt(&self, manager: &Redlock, wait: Duration) -> Result<LockGuard, LockError> {
        let request = |wait| {
            let request = manager.lock(self.name).wait(wait);
            request.hold_at_least(self.hold_at_least)
        };
        let mut outcome = request(wait).await;
        let end = Instant::now() + SPLIT_LIMIT;
        while self.retries_split && matches!(outcome, Err(LockError::Busy { .. })) {
            if manager.status(self.name).await.is_held() || Instant::now() >= end {
                break;
            }
            let pause = rand::random_range(SPLIT_PAUSE / 10..SPLIT_PAUSE);
            tokio::time::sleep(pause).await;
            outcome = request(Duration::ZERO).await;
        }
        outcome
    }
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
    let request = Request {
        name,
        wait,
        hold_at_least,
        retries_split: false,
    };
    acquire_from(connect(builder), &request, signals).await
}

/// Acquires a lock like [`acquire`], but connects along with the first attempt, and does not take a
/// split for a holder.
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
    let mut request = Request {
        name,
        wait,
        hold_at_least,
        retries_split: true,
    };
    let manager = ready(builder.clone().build().map_err(Failure::from));
    let first = acquire_from(manager, &request, signals).await;
    match first {
        Err(failure)
            if failure.kind() == FailureKind::NoQuorum && start.elapsed() < CONNECT_TIMEOUT =>
        {
            request.wait = wait.saturating_sub(start.elapsed());
            acquire_from(connect(builder), &request, signals).await
        }
        first => first,
    }
}

async fn acquire_from(
    manager: impl Future<Output = Result<Redlock, Failure>>,
    request: &Request<'_>,
    signals: &mut Signals,
) -> Result<Acquired, Failure> {
    let start = Instant::now();
    let manager = tokio::select! {
        signal = signals.next() => return Err(Failure::interrupted(signal)),
        manager = manager => manager?,
    };
    let wait = request.wait.saturating_sub(start.elapsed());
    let outcome = tokio::select! {
        signal = signals.next() => Err(Failure::interrupted(signal)),
        outcome = request.attempt(&manager, wait) => outcome.map_err(Failure::from),
    };
    match outcome {
        Ok(guard) => Ok(Acquired { manager, guard }),
        Err(failure) => {
            // The attempt has taken a few round trips, and perhaps a long wait.
            let grace = grace_after(start.elapsed().min(LONG_ROUND_TRIP));
            shut_down_within(&manager, grace).await;
            Err(failure.explained_for(request.name))
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

/// The limit of one attempt to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A round trip to distant nodes.
const LONG_ROUND_TRIP: Duration = Duration::from_millis(100);

/// How long to try again while no one has the lock.
const SPLIT_LIMIT: Duration = Duration::from_secs(2);

/// The longest pause before that: several rounds of a few contenders.
const SPLIT_PAUSE: Duration = Duration::from_millis(50);
