use std::error::Error;
use std::fmt;
use std::time::Duration;

use redlock::Redlock;
use rslock::LockManager;

/// Whose lock is measured.
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

/// One process's manager. Clones are the same manager.
#[derive(Clone)]
pub(crate) enum Client {
    Redlock(Redlock),
    Rslock(LockManager),
}

impl Client {
    /// Takes the lock, however long that takes.
    pub(crate) async fn lock(&self, resource: &str) -> Result<Held, Box<dyn Error + Send + Sync>> {
        Ok(match self {
            Self::Redlock(redlock) => {
                let request = redlock.lock(resource).ttl(TTL).wait(Duration::MAX);
                Held::Redlock(request.await?)
            }
            Self::Rslock(manager) => Held::Rslock(manager.acquire(resource, TTL).await?),
        })
    }

    /// Releases what is left of requests that were dropped.
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

/// Far above all that happens here, so that no hand-over is the end of a lease.
const TTL: Duration = Duration::from_secs(30);

/// That library tries again after a random delay of up to this. Its default of 200 ms is for locks
/// that are held for seconds. Where eight contend for 2 ms each, more than 5 ms lets the last holder
/// win again (112 of 405 turns a second were hand-overs at 10 ms, 40 of 410 at 40 ms, 203 of 392 at
/// 5 ms), and with less the attempts get in each other's way.
const RSLOCK_RETRY_DELAY: Duration = Duration::from_millis(5);
