//! The libraries under measurement, and their clients.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use redlock::Redlock;
use rslock::LockManager;

/// A library under measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Library {
    Redlock,
    Rslock,
}

impl Library {
    pub(crate) const ALL: [Self; 2] = [Self::Redlock, Self::Rslock];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redlock => "redlock",
            Self::Rslock => "rslock",
        }
    }

    pub(crate) async fn connect(self, urls: &[String]) -> Result<Client, Box<dyn Error>> {
        Ok(match self {
            Self::Redlock => Client::Redlock(Redlock::connect(urls).await?),
            Self::Rslock => {
                let mut manager = LockManager::new(urls.to_vec());
                manager.set_retry(u32::MAX, RSLOCK_RETRY_DELAY);
                Client::Rslock(manager)
            }
        })
    }
}

/// The manager of one process. Clones share it.
#[derive(Clone)]
pub(crate) enum Client {
    Redlock(Redlock),
    Rslock(LockManager),
}

impl Client {
    /// Takes the lock, waiting without limit.
    pub(crate) async fn lock(&self, resource: &str) -> Result<Held, Box<dyn Error + Send + Sync>> {
        Ok(match self {
            Self::Redlock(redlock) => {
                let request = redlock.lock(resource).ttl(TTL).wait(Duration::MAX);
                Held::Redlock(request.await?)
            }
            Self::Rslock(manager) => Held::Rslock(manager.acquire(resource, TTL).await?),
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
    Rslock(rslock::LockGuard),
}

impl Held {
    pub(crate) async fn release(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Redlock(guard) => {
                if !guard.release().await?.was_held() {
                    Err("the lock was lost while it was held")?;
                }
            }
            Self::Rslock(guard) => guard.release().await,
        }
        Ok(())
    }
}

/// Far above any hold time here, so that no handoff comes from an expired lease.
const TTL: Duration = Duration::from_secs(30);

/// Upper bound of the random delay after which `rslock` retries.
///
/// Its default of 200 ms suits locks that are held for seconds. Here eight contenders hold the lock
/// for 2 ms each. With more than 5 ms, the last holder tends to win again: 203 of 392 turns per
/// second were handoffs at 5 ms, 112 of 405 at 10 ms, 40 of 410 at 40 ms. With less, the attempts
/// collide.
const RSLOCK_RETRY_DELAY: Duration = Duration::from_millis(5);
