//! Servers and a manager over them.

use std::time::Duration;

use redlock::{Redlock, RedlockBuilder};
use redlock_tests::{Servers, eventually};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// How long anything may take that is sure to happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The ttl of a [`patient`] manager.
pub(crate) const LONG: Duration = Duration::from_secs(240);

pub(crate) async fn fleet(n: usize) -> (Servers, Redlock) {
    let servers = Servers::start(n);
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    (servers, redlock)
}

/// A manager that waits for answers for longer than they are held back in any test.
pub(crate) fn patient(urls: impl IntoIterator<Item = String>) -> RedlockBuilder {
    let builder = Redlock::builder().nodes(urls).max_ttl(LONG).ttl(LONG);
    // A quarter of the ttl is the longest that is possible.
    builder.node_timeout(LONG / 4)
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
