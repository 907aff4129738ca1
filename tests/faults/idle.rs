//! Connections that a middlebox forgets while they are idle. It notifies neither end.
//!
//! The managers are patient: without a second connection, a request would wait for minutes.

use std::time::{Duration, Instant};

use redlock::Redlock;
use redlock_tests::{Flow, Proxy, Server, Servers, eventually};

use crate::common::{LONG, MS, SECOND, SOON, everywhere, gone, healthy, holding, patient};

/// Longer than the idle time after which a connection is doubted.
const IDLE: Duration = Duration::from_secs(6);

/// Returns a manager whose connections through the proxies have been idle for a while.
async fn idle(proxies: &[Proxy]) -> Redlock {
    let redlock = patient(proxies.iter().map(Proxy::url)).build().unwrap();
    healthy(&redlock).await;
    let guard = redlock.lock("warm").await.unwrap();
    guard.release().await.unwrap();
    tokio::time::sleep(IDLE).await;
    redlock
}

/// Locks and releases, in one round.
async fn lock_once(servers: &Servers, redlock: &Redlock) {
    let start = Instant::now();
    let guard = redlock.try_lock("a").ttl(LONG).await.unwrap();
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    everywhere(servers, "a").await;
    assert!(guard.release().await.unwrap().was_held());
    gone(servers, "a").await;
}

fn accepted(proxies: &[Proxy]) -> Vec<usize> {
    proxies.iter().map(Proxy::accepted).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_forgotten_connection_costs_a_dial_but_no_request() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    let redlock = idle(&proxies).await;
    let before = accepted(&proxies);
    for proxy in &proxies {
        proxy.both(Flow::Lose);
        proxy.heal_new();
    }
    lock_once(&servers, &redlock).await;
    let after: Vec<_> = before.iter().map(|count| count + 1).collect();
    assert_eq!(accepted(&proxies), after);
    lock_once(&servers, &redlock).await;
    assert_eq!(accepted(&proxies), after, "the new connection is kept");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_acquire_whose_response_is_lost_is_undone_and_sent_again() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    let redlock = idle(&proxies).await;
    let sets = |server: &Server| server.probe().calls_of("set");
    let before: Vec<_> = servers.iter().map(sets).collect();
    for proxy in &proxies {
        proxy.replies(Flow::Lose);
        proxy.heal_new();
    }
    let guard = redlock.try_lock("a").ttl(LONG).await.unwrap();
    // A quorum is enough for the guard. Without it, the third acquire would not be sent again.
    eventually("each acquire was carried out twice", SOON, || {
        let mut each = servers.iter().zip(&before);
        each.all(|(server, before)| sets(server) >= before + 2)
    })
    .await;
    everywhere(&servers, "a").await;
    assert!(guard.release().await.unwrap().was_held());
    gone(&servers, "a").await;
    for (server, before) in servers.iter().zip(before) {
        assert_eq!(sets(server), before + 2, "carried out twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_late_acquire_of_a_doubted_connection_is_never_carried_out() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    let redlock = idle(&proxies).await;
    for proxy in &proxies {
        proxy.requests(Flow::Hold);
        proxy.heal_new();
    }
    lock_once(&servers, &redlock).await;
    // The acquire reaches the server, whose end of the connection is closed.
    for proxy in &proxies {
        proxy.heal();
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&servers, "a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_doubted_connection_that_cannot_be_killed_leaves_no_key() {
    let servers = Servers::start_each(
        (0..3).map(|_| Server::builder().args(["--rename-command", "CLIENT", "no-such-command"])),
    );
    let proxies = servers.proxies();
    let redlock = idle(&proxies).await;
    for proxy in &proxies {
        proxy.requests(Flow::Hold);
        proxy.heal_new();
    }
    // The acquire over the old connection may still be carried out, so it cannot be sent again.
    let start = Instant::now();
    let refused = redlock.try_lock("a").ttl(LONG).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let before: u64 = sets(&servers);
    // It arrives late. The release is repeated until it finds the key.
    for proxy in &proxies {
        proxy.heal();
    }
    eventually("the acquires have arrived", SOON, || {
        sets(&servers) >= before + 3
    })
    .await;
    gone(&servers, "a").await;
}

fn sets(servers: &Servers) -> u64 {
    let sets = servers.iter().map(|it| it.probe().calls_of("set"));
    sets.sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_late_response_wins_over_a_second_connection() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    let redlock = idle(&proxies).await;
    let before = accepted(&proxies);
    // Far later than a second connection is dialled, whose own first response is later still.
    for proxy in &proxies {
        proxy.replies(Flow::Delay(800 * MS));
    }
    let guard = redlock.try_lock("a").ttl(LONG).await.unwrap();
    let dialled: Vec<_> = before.iter().map(|count| count + 1).collect();
    assert_eq!(accepted(&proxies), dialled);
    for proxy in &proxies {
        proxy.heal();
    }
    everywhere(&servers, "a").await;
    assert!(guard.release().await.unwrap().was_held());
    gone(&servers, "a").await;
    for (server, proxy) in servers.iter().zip(&proxies) {
        assert_eq!(server.probe().calls_of("client|kill"), 0);
        eventually("the second connection is closed", SOON, || {
            proxy.open() == 1
        })
        .await;
    }
}
