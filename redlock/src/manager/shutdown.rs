//! The end of a manager: at once, or once its guards are gone.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::manager::Redlock;
use crate::node::{Command, Ping};
use crate::quorum::responses;
use crate::time::clock;
use crate::time::clock::Moment;

impl Redlock {
    /// Releases all locks, and waits until the nodes have carried out the releases.
    ///
    /// All guards end as [lost](crate::LockGuard::lost). Waiting and later requests fail with
    /// [`LockError::Closed`]. The wait includes the releases of guards that were dropped earlier, and of
    /// requests that lost or were cancelled. It lasts for at most three node timeouts, or one second if
    /// that is longer.
    ///
    /// In a runtime without timers, it does not wait.
    ///
    /// Await it at the end of `main`. Otherwise a release that a server does not receive at once is left to
    /// the ttl: see the drop of a [`LockGuard`]. [`close`](Self::close) waits for the guards first.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the releases continue in the background.
    ///
    /// [`LockGuard`]: crate::LockGuard#impl-Drop-for-LockGuard
    /// [`LockError::Closed`]: crate::LockError::Closed
    pub async fn shutdown(&self) {
        self.0.shared.shutdown_signal.close();
        let engines = self.engines();
        for engine in &engines {
            engine.registry().shut_down_all();
        }
        // One limit for all engines and both waits.
        let limit = self.config().silence_limit();
        let end = Moment::now().saturating_add(limit);
        // Another thread may be about to queue the releases of a guard that it drops.
        all_emptied(&engines, limit).await;
        let ping = |responder| Command::Ping(Ping::new(responder).after_releases());
        let pings: Vec<_> = engines
            .iter()
            .map(|engine| engine.broadcast(ping))
            .collect();
        for (engine, responses) in engines.iter().zip(pings) {
            let deadlines = engine.deadlines();
            let _results = responses.until(deadlines, end, responses::all).await;
        }
    }

    /// Admits no new requests, waits for the guards that are held, then [shuts down](Self::shutdown).
    ///
    /// Waiting and later requests fail with [`LockError::Closed`] at once. Guards are extended as usual
    /// until they are dropped, for at most `within`. Those that are left then end as
    /// [lost](crate::LockGuard::lost).
    ///
    /// # Cancel safety
    ///
    /// Cancelling leaves the manager closed for new requests, and its guards held.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let guard = redlock.lock("invoice:42").await?;
    /// let job = tokio::spawn(async move {
    ///     // … the last job
    ///     drop(guard);
    /// });
    /// let drained = redlock.close(Duration::from_secs(10)).await;
    /// assert_eq!(drained.guards_lost(), 0);
    /// # job.await.unwrap();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`LockError::Closed`]: crate::LockError::Closed
    pub async fn close(&self, within: Duration) -> Drained {
        self.0.shared.shutdown_signal.close();
        let engines = self.engines();
        all_emptied(&engines, within).await;
        let left = engines.iter().map(|engine| engine.registry().live());
        let guards_lost = left.sum();
        self.shutdown().await;
        Drained { guards_lost }
    }
}

/// Waits until no guard is held in any runtime, for at most `limit`. Without timers, it does not wait.
async fn all_emptied(engines: &[Arc<Engine>], limit: Duration) {
    let emptied = async {
        for engine in engines {
            engine.registry().emptied().await;
        }
    };
    if clock::has_timers() {
        let _in_time = tokio::time::timeout(limit, emptied).await;
    }
}

/// The outcome of [`Redlock::close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Drained {
    guards_lost: usize,
}

impl Drained {
    /// The number of guards that were still held when the time was over, and ended as lost.
    #[must_use]
    pub fn guards_lost(&self) -> usize {
        self.guards_lost
    }
}
