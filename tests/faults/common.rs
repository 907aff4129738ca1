//! Real servers, managers over them, and waits for their state.

use std::time::Duration;

use deadpool_redis::redis;
use redlock::{LockGuard, Redlock, RedlockBuilder};
use redlock_tests::{Servers, eventually};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A time limit for anything that is certain to happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The ttl of a [`patient`] manager.
pub(crate) const LONG: Duration = Duration::from_secs(240);

pub(crate) async fn fleet(n: usize) -> (Servers, Redlock) {
    connected(n, |builder| builder).await
}

/// As [`fleet`], for tests in which servers lose data and are used again at once.
pub(crate) async fn fleet_without_quarantine(n: usize) -> (Servers, Redlock) {
    connected(n, |builder| builder.restart_quarantine(false)).await
}

/// As [`fleet`], for tests in which servers lose data and are used again after `max_ttl`.
pub(crate) async fn fleet_with_max_ttl(n: usize, max_ttl: Duration) -> (Servers, Redlock) {
    connected(n, |builder| builder.max_ttl(max_ttl).ttl(max_ttl / 2)).await
}

async fn connected(
    n: usize,
    options: impl FnOnce(RedlockBuilder) -> RedlockBuilder,
) -> (Servers, Redlock) {
    let servers = Servers::start(n);
    let builder = Redlock::builder().nodes(servers.urls());
    let redlock = options(builder).connect().await.unwrap();
    healthy(&redlock).await;
    (servers, redlock)
}

/// Forms a deployment on the servers, for tests in which one of them fails before it is used.
pub(crate) async fn form(servers: &Servers) {
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    healthy(&redlock).await;
}

/// Returns a builder whose node timeout is longer than any test holds responses back.
pub(crate) fn patient(urls: impl IntoIterator<Item = String>) -> RedlockBuilder {
    let builder = Redlock::builder().nodes(urls).max_ttl(LONG).ttl(LONG);
    // A node timeout can be at most a quarter of the ttl.
    builder.node_timeout(LONG / 4)
}

/// Creates a user with all rights but these, and returns the URLs for that user.
pub(crate) fn limited(servers: &Servers, denied: &[&str]) -> Vec<String> {
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("limited");
    user.arg(&["on", ">pw", "~*", "&*", "+@all"]).arg(denied);
    let urls = servers.iter().map(|server| {
        server.probe().query::<()>(&user);
        format!("redis://limited:pw@127.0.0.1:{}", server.port())
    });
    urls.collect()
}

/// Creates the user of the operations guide, word for word, and returns the URLs for that user. Its
/// keys have the prefix `app:`.
pub(crate) fn with_documented_rights(servers: &Servers) -> Vec<String> {
    let guide = include_str!("../../redlock/src/guide/operations.md");
    let line = guide.lines().find(|line| line.starts_with("ACL SETUSER "));
    let mut words = line.expect("a line with the rights").split(' ');
    let mut user = redis::cmd(words.next().unwrap_or_default());
    user.arg(words.collect::<Vec<_>>());
    let urls = servers.iter().map(|server| {
        server.probe().query::<()>(&user);
        format!("redis://locks:password@127.0.0.1:{}", server.port())
    });
    urls.collect()
}

/// Counts the servers that have the key.
pub(crate) fn holding(servers: &Servers, key: &str) -> usize {
    servers
        .iter()
        .filter(|server| server.is_running() && server.probe().exists(key))
        .count()
}

/// Waits until no server has the key. The limit is shorter than the default ttl of 30 s.
pub(crate) async fn gone(servers: &Servers, key: &str) {
    eventually("the key is gone everywhere", SOON, || {
        holding(servers, key) == 0
    })
    .await;
}

/// Waits until all servers have the key. A guard is returned as soon as a quorum has it.
pub(crate) async fn everywhere(servers: &Servers, key: &str) {
    eventually("the key is everywhere", SOON, || {
        holding(servers, key) == servers.len()
    })
    .await;
}

/// Waits until all nodes have reconnected in the background.
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

/// Waits until every server has the lock `held`, and takes part in a new one.
pub(crate) async fn complete(servers: &Servers, redlock: &Redlock, held: LockGuard) {
    everywhere(servers, "held").await;
    assert!(held.is_held());
    let guard = redlock.lock("a").await.unwrap();
    everywhere(servers, "a").await;
    drop((guard, held));
    gone(servers, "a").await;
}
