//! Servers and a manager over them.

use std::time::Duration;

use redlock::Redlock;
use redlock_tests::{Servers, eventually};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// How long anything may take that is sure to happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn fleet(n: usize) -> (Servers, Redlock) {
    let servers = Servers::start(n);
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    (servers, redlock)
}

/// The number of servers that have the key.
pub(crate) fn holding(servers: &Servers, key: &str) -> usize {
    servers
        .iter()
        .filter(|server| server.is_running() && server.probe().exists(key))
        .count()
}

/// Waits until no server has the key, which must not take as long as its ttl.
pub(crate) async fn gone(servers: &Servers, key: &str) {
    eventually("the key is gone everywhere", SOON, || {
        holding(servers, key) == 0
    })
    .await;
}

/// Waits until all servers have the key: a lock is handed out when a quorum has.
pub(crate) async fn everywhere(servers: &Servers, key: &str) {
    eventually("the key is everywhere", SOON, || {
        holding(servers, key) == servers.len()
    })
    .await;
}

/// Waits until all nodes are connected, in the background, after a fault.
pub(crate) async fn healthy(redlock: &Redlock) {
    let start = std::time::Instant::now();
    loop {
        let reports = redlock.nodes().await;
        if reports.iter().all(redlock::NodeReport::is_usable) {
            return;
        }
        assert!(start.elapsed() < SOON, "{reports:?}");
        tokio::time::sleep(10 * MS).await;
    }
}
