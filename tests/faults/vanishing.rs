//! Keys that vanish from servers while their lock is held.

use std::time::{Duration, Instant};

use redlock::{LockGuard, LossReason, Redlock};
use redlock_tests::{Server, Servers, eventually};

use crate::common::{
    LONG, SECOND, SOON, everywhere, fleet, fleet_without_quarantine, gone, holding,
};

/// The time in which a holder notices a change, far from its next extension.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Holds the lock `a` for [`LONG`], and waits until every server will push its changes.
async fn hold(servers: &Servers, urls: impl IntoIterator<Item = String>) -> (Redlock, LockGuard) {
    let builder = Redlock::builder().nodes(urls).max_ttl(LONG).ttl(LONG);
    let redlock = builder.restart_quarantine(false).connect().await.unwrap();
    for server in servers {
        server.probe().reset_calls();
    }
    let guard = redlock.lock("a").await.unwrap();
    everywhere(servers, "a").await;
    guard.extend(LONG).await.unwrap();
    eventually("every server has the extension", SOON, || {
        let has_all = |server: &Server| server.probe().calls_of("pexpire") > 0;
        servers.iter().all(has_all)
    })
    .await;
    redlock.nodes().await;
    (redlock, guard)
}

/// Returns the reason for the loss, and fails if it does not follow at once.
async fn lost(guard: &LockGuard) -> LossReason {
    let lost = tokio::time::timeout(AT_ONCE, guard.lost()).await;
    lost.expect("the holder has not noticed").reason()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_deleted_key_is_noticed_at_once() {
    let servers = Servers::start(3);
    let (_redlock, guard) = hold(&servers, servers.urls()).await;
    assert!(servers[0].probe().del("a"));
    assert!(guard.is_held());
    assert!(servers[1].probe().del("a"));
    assert_eq!(lost(&guard).await, LossReason::Gone);
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_flush_and_an_eviction_are_noticed_at_once() {
    type Vanish = fn(&Server);
    let ways: [(&str, Vanish); 2] = [
        ("flush", |server| server.probe().flushall()),
        ("eviction", |server| {
            let probe = server.probe();
            probe.config_set("maxmemory-policy", "allkeys-random");
            probe.config_set("maxmemory", 1);
        }),
    ];
    for (way, vanish) in ways {
        let servers = Servers::start(3);
        let (_redlock, guard) = hold(&servers, servers.urls()).await;
        servers.iter().take(2).for_each(vanish);
        assert_eq!(lost(&guard).await, LossReason::Gone, "{way}");
    }
}

/// As a server does whose clock jumps forward.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_expiry_that_moves_nearer_is_postponed_again() {
    let servers = Servers::start(3);
    let (_redlock, guard) = hold(&servers, servers.urls()).await;
    for server in &servers {
        assert!(server.probe().pexpire("a", 5 * SECOND));
    }
    eventually("the keys have their ttl again", SOON, || {
        let has_ttl = |server: &Server| server.probe().pttl("a") > Some(LONG / 2);
        servers.iter().all(has_ttl)
    })
    .await;
    assert!(guard.is_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_that_one_server_loses_is_put_back_soon() {
    let servers = Servers::start(3);
    let (_redlock, guard) = hold(&servers, servers.urls()).await;
    let start = Instant::now();
    assert!(servers[0].probe().del("a"));
    everywhere(&servers, "a").await;
    assert!(guard.is_held());
    // The regular extension would follow after more than a minute.
    assert!(start.elapsed() < SOON);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn one_vanished_key_of_several_ends_the_lock() {
    let servers = Servers::start(3);
    let builder = Redlock::builder().nodes(servers.urls());
    let redlock = builder.max_ttl(LONG).ttl(LONG).connect().await.unwrap();
    let guard = redlock.lock_all(["a", "b", "c"]).await.unwrap();
    everywhere(&servers, "c").await;
    guard.extend(LONG).await.unwrap();
    redlock.nodes().await;
    servers.iter().take(2).for_each(|server| {
        assert!(server.probe().del("b"));
    });
    assert_eq!(lost(&guard).await, LossReason::Gone);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_push_the_next_extension_notices() {
    let servers = Servers::start(3);
    let urls = servers.urls().into_iter();
    let urls = urls.map(|url| format!("{url}?protocol=resp2"));
    let redlock = Redlock::connect(urls).await.unwrap();
    let guard = redlock.lock("a").ttl(2 * SECOND).await.unwrap();
    everywhere(&servers, "a").await;
    servers.iter().for_each(|server| {
        assert!(server.probe().del("a"));
    });
    assert_eq!(lost(&guard).await, LossReason::Gone);
    for server in &servers {
        assert_eq!(server.probe().calls_of("client|caching"), 0);
    }
}

/// An extension changes the key, and the server pushes that. It must not cause another extension.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn extensions_do_not_cause_more_extensions() {
    let (servers, redlock) = fleet(3).await;
    for server in &servers {
        server.probe().reset_calls();
    }
    let start = Instant::now();
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    let several = redlock.lock_all(["b", "c"]).ttl(SECOND).await.unwrap();
    tokio::time::sleep(5 * SECOND).await;
    assert!(guard.is_held() && several.is_held());
    // Each lock is extended after four fifths of a third of the ttl at the earliest.
    let most = 2 * (start.elapsed().as_millis() as u64 / 266 + 2);
    for server in &servers {
        let calls = server.probe().calls_of("evalsha");
        assert!(calls <= most, "{calls} of {most}");
        assert!(server.probe().calls_of("client|caching") > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_flush_with_many_locks_is_noticed_by_all() {
    let (servers, redlock) = fleet_without_quarantine(3).await;
    let mut guards = Vec::new();
    for number in 0..500 {
        let request = redlock.lock(number.to_string()).ttl(60 * SECOND);
        guards.push(request.await.unwrap());
    }
    for guard in &guards {
        guard.extend(60 * SECOND).await.unwrap();
    }
    redlock.nodes().await;
    servers
        .iter()
        .take(2)
        .for_each(|server| server.probe().flushall());
    // Within a tenth of the ttl. The regular extensions begin after a quarter of it.
    eventually("all have noticed", 12 * SECOND, || {
        !guards.iter().any(LockGuard::is_held)
    })
    .await;
    for guard in &guards {
        assert_eq!(guard.lost().await.reason(), LossReason::Gone);
    }
    eventually("all are released", SOON, || holding(&servers, "0") == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_flush_with_many_locks_loses_none() {
    let (servers, redlock) = fleet(3).await;
    let mut guards = Vec::new();
    for number in 0..500 {
        let request = redlock.lock(number.to_string()).ttl(60 * SECOND);
        guards.push(request.await.unwrap());
    }
    for server in &servers {
        server.probe().flushall();
    }
    // The keys return within a tenth of the ttl, and the counters with them.
    let are_back = || servers.iter().all(|it| it.probe().keys().len() == 1_000);
    eventually("all keys are back", 12 * SECOND, are_back).await;
    assert!(guards.iter().all(LockGuard::is_held));
}
