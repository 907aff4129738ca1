//! Leases on servers that leave and come back, with their data or without.

use std::time::Duration;

use redlock::{LockGuard, Redlock};
use redlock_tests::{Servers, eventually};

use crate::common::{MS, SECOND, SOON, everywhere, fleet, fleet_with_max_ttl, holding};

/// Short, so that keys expire while a server is away.
const TTL: Duration = Duration::from_secs(2);

/// Fails if the lock is lost, or if another manager acquires it.
async fn assert_exclusive(guard: &LockGuard, others: &Redlock, server: usize) {
    assert!(guard.is_held(), "lost at server {server}");
    if let Ok(second) = others.try_lock("a").await {
        panic!("a second holder at server {server}: {second:?}");
    }
}

/// Waits until every server has the key again, while other managers contend.
async fn rejoined(servers: &Servers, guard: &LockGuard, others: &Redlock, server: usize) {
    let start = std::time::Instant::now();
    while holding(servers, "a") < servers.len() {
        assert!(start.elapsed() < SOON, "no key on server {server}");
        assert_exclusive(guard, others, server).await;
        tokio::time::sleep(20 * MS).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_outlives_servers_that_restart_empty_in_turn() {
    let (servers, redlock) = fleet_with_max_ttl(5, 2 * TTL).await;
    let others = Redlock::builder().nodes(servers.urls()).max_ttl(2 * TTL);
    let others = others.ttl(TTL).connect().await.unwrap();
    let guard = redlock.lock("a").ttl(TTL).await.unwrap();
    let token = guard.token();
    everywhere(&servers, "a").await;
    for (index, server) in servers.iter().enumerate() {
        server.kill();
        server.restart();
        assert!(!server.probe().exists("a"), "the server has kept its data");
        rejoined(&servers, &guard, &others, index).await;
        // A second key is on its way until an extension has found it.
        tokio::time::sleep(TTL / 4).await;
    }
    assert_exclusive(&guard, &others, servers.len()).await;
    assert_eq!(guard.token(), token);
    drop(guard);
    eventually("the key is gone", SOON, || holding(&servers, "a") == 0).await;
    assert!(others.lock("a").await.unwrap().token() > token);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_outlives_servers_that_stop_in_turn() {
    let (servers, redlock) = fleet(5).await;
    let others = Redlock::connect(servers.urls()).await.unwrap();
    let guard = redlock.lock("a").ttl(TTL).await.unwrap();
    everywhere(&servers, "a").await;
    for (index, server) in servers.iter().enumerate() {
        server.pause();
        // Its key expires meanwhile.
        let start = std::time::Instant::now();
        while start.elapsed() < 7 * TTL / 4 {
            assert_exclusive(&guard, &others, index).await;
            tokio::time::sleep(50 * MS).await;
        }
        server.resume();
        rejoined(&servers, &guard, &others, index).await;
        tokio::time::sleep(TTL / 4).await;
    }
    assert_exclusive(&guard, &others, servers.len()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_grows_to_servers_that_start_later() {
    let (servers, redlock) = fleet(5).await;
    servers.iter().take(2).for_each(redlock_tests::Server::kill);
    let guard = redlock.lock("a").ttl(60 * SECOND).await.unwrap();
    servers
        .iter()
        .take(2)
        .for_each(redlock_tests::Server::restart);
    let start = std::time::Instant::now();
    everywhere(&servers, "a").await;
    assert!(guard.is_held());
    // The usual extension would follow after 15 s.
    assert!(start.elapsed() < 10 * SECOND);
}
