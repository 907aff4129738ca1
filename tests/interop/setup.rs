//! Servers that this crate shares with another library.

use std::process::{Command, Output};
use std::time::Duration;

use deadpool_redis::redis;
use redlock::{LeaseId, LockGuard, Redlock, RedlockBuilder};
use redlock_tests::{Servers, eventually};

use crate::client::Client;
use crate::library::{self, Library};

/// Five servers, and the other library that uses them.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) servers: Servers,
    library: Library,
}

impl Setup {
    pub(crate) fn new(library: Library) -> Self {
        let number = if library == Library::RedisPy { 1 } else { 5 };
        let servers = Servers::start(number);
        Self { servers, library }
    }

    /// Returns the builder of a manager that shares names with the library.
    pub(crate) fn builder(&self) -> RedlockBuilder {
        Redlock::builder()
            .nodes(self.servers.urls())
            .key_prefix(self.library.key_prefix())
            .wait(Duration::from_secs(60))
    }

    pub(crate) async fn manager(&self) -> Redlock {
        self.builder().connect().await.unwrap()
    }

    /// Starts a process that uses the library.
    pub(crate) fn client(&self) -> Client {
        Client::of(self.library, &self.servers.urls())
    }

    /// Runs our command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let output = Command::new(library::command())
            .args(args)
            .env("REDLOCK_NODES", self.servers.urls().join(","))
            .env("REDLOCK_KEY_PREFIX", self.library.key_prefix())
            .output();
        output.expect("the command can be run")
    }

    /// The number of servers on which the lock is held with this key.
    pub(crate) fn count(&self, name: &str, id: &LeaseId) -> usize {
        let name = format!("{}{name}", self.library.key_prefix());
        let values = self.servers.iter().map(|server| {
            let get = redis::cmd("GET").arg(&name).clone();
            server.probe().query::<Option<Vec<u8>>>(&get)
        });
        values
            .filter(|value| value.as_deref() == Some(id.as_bytes()))
            .count()
    }

    /// Waits until the lock is held with this key on that many servers. Some libraries return when a
    /// quorum has responded, before the other servers have.
    pub(crate) async fn is_on(&self, servers: usize, name: &str, id: &LeaseId) {
        let what = format!("{id} is on {servers} servers");
        eventually(&what, SOON, || self.count(name, id) == servers).await;
    }

    /// Locks with this crate, and waits until every server has the key.
    pub(crate) async fn lock(&self, redlock: &Redlock, name: &str) -> LockGuard {
        let guard = redlock.lock(name).await.unwrap();
        self.is_on(self.servers.len(), name, guard.lease_id()).await;
        guard
    }
}

/// Far above the duration of a few round trips.
pub(crate) const SOON: Duration = Duration::from_secs(20);
