//! Clients of the uncontended benchmarks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock::Redlock;
use rslock::LockManager;

use crate::{Bare, Etcd, Postgres};

/// A client that takes locks and releases them.
///
/// Each contender uses its own resource names. With shared names, a late release at one node would
/// collide with another contender's acquire.
#[derive(Clone, Debug)]
pub struct Contender {
    means: Means,
    number: usize,
}

#[derive(Clone, Debug)]
enum Means {
    Redlock(Redlock),
    Rslock(LockManager),
    Bare(Bare),
    Postgres(Postgres),
    Etcd(Etcd),
}

impl Contender {
    /// The ttl of every lock.
    pub const TTL: Duration = Duration::from_secs(30);

    /// Creates a contender for this crate, with or without fencing tokens.
    ///
    /// # Panics
    ///
    /// Panics if fewer than a quorum of servers respond.
    pub async fn redlock(urls: &[String], fencing: bool) -> Self {
        // Each set of servers is a deployment of its own, with identity records under its own prefix.
        let prefix = format!("{}:", urls.len());
        let builder = Redlock::builder().nodes(urls).key_prefix(prefix);
        let builder = builder.ttl(Self::TTL).max_ttl(Self::TTL);
        let connecting = builder.fencing(fencing).connect();
        Self::of(connecting.await.expect("a quorum of servers"))
    }

    /// Creates a contender for `rslock`, the most widely used peer.
    #[must_use]
    pub fn rslock(urls: &[String]) -> Self {
        Self::new(Means::Rslock(LockManager::new(urls.to_vec())))
    }

    /// Creates a contender for the client library alone.
    pub async fn bare(urls: &[String]) -> Self {
        Self::new(Means::Bare(Bare::connect(urls, Self::TTL).await))
    }

    /// Creates a contender for advisory locks of PostgreSQL.
    #[must_use]
    pub fn postgres(postgres: Postgres) -> Self {
        Self::new(Means::Postgres(postgres))
    }

    /// Creates a contender for locks of etcd.
    #[must_use]
    pub fn etcd(etcd: Etcd) -> Self {
        Self::new(Means::Etcd(etcd))
    }

    /// Creates a contender for a manager of this crate.
    #[must_use]
    pub fn of(redlock: Redlock) -> Self {
        Self::new(Means::Redlock(redlock))
    }

    fn new(means: Means) -> Self {
        let number = Self::next_number();
        Self { means, number }
    }

    /// Returns the number of the next contender in this process, which is part of its resource
    /// names.
    pub(crate) fn next_number() -> usize {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        COUNT.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the manager, if the contender uses this crate.
    #[must_use]
    pub fn as_redlock(&self) -> Option<&Redlock> {
        match &self.means {
            Means::Redlock(redlock) => Some(redlock),
            _ => None,
        }
    }

    /// Takes the lock on the resource with this number and releases it.
    ///
    /// # Panics
    ///
    /// Panics if the lock is not granted.
    pub async fn lock(&self, resource: usize) {
        self.lock_named(self.name(resource)).await;
    }

    /// Returns how many releases of this crate were not confirmed within the timeout of a node. With
    /// servers that are up, the machine was too busy to measure.
    #[must_use]
    pub fn late_releases() -> usize {
        LATE.load(Ordering::Relaxed)
    }

    /// Returns the name of the resource with this number.
    #[must_use]
    pub fn name(&self, resource: usize) -> String {
        format!("resource:{}:{resource}", self.number)
    }

    /// Takes the lock on a resource with a name of this contender, and releases it.
    ///
    /// A release of this crate that is not confirmed in time goes on in the background. It counts as
    /// [late](Self::late_releases).
    ///
    /// # Panics
    ///
    /// Panics if the lock is not granted.
    pub async fn lock_named(&self, resource: String) {
        match &self.means {
            Means::Redlock(redlock) => {
                let guard = redlock.lock(resource).await.expect("a free lock");
                if guard.release().await.is_err() {
                    LATE.fetch_add(1, Ordering::Relaxed);
                }
            }
            Means::Rslock(manager) => {
                let locking = manager.lock(resource.as_str(), Self::TTL);
                let lock = locking.await.expect("a free lock");
                manager.unlock(&lock).await;
            }
            Means::Bare(bare) => bare.lock(&resource).await,
            Means::Postgres(postgres) => postgres.lock(&resource).await,
            Means::Etcd(etcd) => etcd.lock(&resource).await,
        }
    }
}

/// The number of late releases.
static LATE: AtomicUsize = AtomicUsize::new(0);
