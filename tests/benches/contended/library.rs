//! The libraries under measurement, and their clients.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::random_range;
use redlock::Redlock;
use rslock::{LockError, LockManager};
use tokio::time::sleep;

/// A library under measurement, with its settings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Library {
    Redlock,
    /// `rslock` with its default retry delay: random, up to 200 ms.
    Rslock,
    /// `rslock` with a random retry delay up to 5 ms.
    ///
    /// The default suits locks that are held for seconds. Here contenders hold the lock for 2 ms.
    /// Among eight of them the last holder tends to win again with more than 5 ms: 203 of 392 turns
    /// per second were handoffs at 5 ms, 112 of 405 at 10 ms, 40 of 410 at 40 ms. With less, the
    /// attempts collide.
    EagerRslock,
    /// `rslock`, polled every 5 ms.
    Every5Ms,
    /// `rslock`, polled every 15 to 20 ms.
    Every20Ms,
}

impl Library {
    /// The ones to compare where all contenders use the same library.
    pub(crate) const PEERS: [Self; 2] = [Self::Rslock, Self::EagerRslock];

    const ALL: [Self; 5] = [
        Self::Redlock,
        Self::Rslock,
        Self::EagerRslock,
        Self::Every5Ms,
        Self::Every20Ms,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redlock => "redlock",
            Self::Rslock => "rslock, up to 200 ms",
            Self::EagerRslock => "rslock, up to 5 ms",
            Self::Every5Ms => "rslock, every 5 ms",
            Self::Every20Ms => "rslock, every 15-20 ms",
        }
    }

    pub(crate) async fn connect(self, urls: &[String]) -> Result<Client, Box<dyn Error>> {
        let rslock = |retry_delay| {
            let mut manager = LockManager::new(urls.to_vec());
            manager.set_retry(u32::MAX, Duration::from_millis(retry_delay));
            Client::Rslock(manager)
        };
        let poller = |interval| {
            let mut manager = LockManager::new(urls.to_vec());
            // A single attempt. This benchmark repeats it.
            manager.set_retry(1, Duration::ZERO);
            Client::Poller(manager, interval)
        };
        Ok(match self {
            Self::Redlock => Client::Redlock(Redlock::connect(urls).await?),
            Self::Rslock => rslock(200),
            Self::EagerRslock => rslock(5),
            Self::Every5Ms => poller(5_000..=5_000),
            Self::Every20Ms => poller(15_000..=20_000),
        })
    }
}

/// A manager. Clones share it.
#[derive(Clone)]
pub(crate) enum Client {
    Redlock(Redlock),
    Rslock(LockManager),
    /// Polls at intervals of this many microseconds.
    Poller(LockManager, RangeInclusive<u64>),
}

impl Client {
    /// Takes the lock, waiting without limit.
    pub(crate) async fn lock(&self, resource: &str) -> Result<Held, Box<dyn Error + Send + Sync>> {
        Ok(match self {
            Self::Redlock(redlock) => {
                let request = redlock.lock(resource).ttl(TTL).wait(Duration::MAX);
                Held::Redlock(request.await?)
            }
            Self::Rslock(manager) => Held::Rslock(manager.acquire_no_guard(resource, TTL).await?),
            Self::Poller(manager, interval) => loop {
                match manager.lock(resource, TTL).await {
                    Ok(lock) => break Held::Rslock(lock),
                    Err(LockError::Unavailable) => {
                        sleep(Duration::from_micros(random_range(interval.clone()))).await;
                    }
                    Err(error) => return Err(error.into()),
                }
            },
        })
    }

    /// Releases the locks of requests that were dropped.
    pub(crate) async fn shutdown(&self) {
        if let Self::Redlock(redlock) = self {
            redlock.shutdown().await;
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A lock that is held.
#[derive(Debug)]
pub(crate) enum Held {
    Redlock(redlock::LockGuard),
    Rslock(rslock::Lock),
}

impl Held {
    pub(crate) async fn release(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Redlock(guard) => {
                if !guard.release().await?.was_held() {
                    Err("the lock was lost while it was held")?;
                }
            }
            Self::Rslock(lock) => lock.release().await,
        }
        Ok(())
    }
}

/// Far above any hold time here, so that no handoff comes from an expired lease.
const TTL: Duration = Duration::from_secs(30);
