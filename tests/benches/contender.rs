use std::time::Duration;

use redlock::Redlock;
use rslock::LockManager;

use crate::Bare;

/// Somebody who takes a lock and gives it back.
#[derive(Clone, Debug)]
pub enum Contender {
    /// This crate.
    Redlock(Redlock),
    /// The peer that is most used.
    Rslock(LockManager),
    /// The client library alone.
    Bare(Bare),
}

impl Contender {
    /// How long every lock would last.
    pub const TTL: Duration = Duration::from_secs(30);

    /// This crate, with tokens or without.
    ///
    /// # Panics
    ///
    /// If there is no quorum of servers.
    pub async fn redlock(urls: &[String], fencing: bool) -> Self {
        let builder = Redlock::builder().nodes(urls).ttl(Self::TTL);
        let connecting = builder.fencing(fencing).connect();
        Self::Redlock(connecting.await.expect("a quorum of servers"))
    }

    /// The peer.
    #[must_use]
    pub fn rslock(urls: &[String]) -> Self {
        Self::Rslock(LockManager::new(urls.to_vec()))
    }

    /// The client library alone.
    pub async fn bare(urls: &[String]) -> Self {
        Self::Bare(Bare::connect(urls, Self::TTL).await)
    }

    /// Takes the lock on `resource`, which is free, and gives it back.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn lock(&self, resource: String) {
        match self {
            Self::Redlock(redlock) => {
                let guard = redlock.lock(resource).await.expect("a free lock");
                guard.release().await.expect("a release");
            }
            Self::Rslock(manager) => {
                let locking = manager.lock(resource.as_str(), Self::TTL);
                let lock = locking.await.expect("a free lock");
                manager.unlock(&lock).await;
            }
            Self::Bare(bare) => bare.lock(&resource).await,
        }
    }
}
