//! Several addresses of one server, which has one vote.

use std::time::{Duration, Instant};

use redlock::node::NodeHealth;
use redlock::{ConnectError, Redlock, RedlockBuilder};
use redlock_tests::{Server, Servers};

use crate::common::{MS, SOON, holding, limited};

/// The longest ttl. Without `INFO`, servers are in quarantine for as long at first.
const MAX_TTL: Duration = Duration::from_secs(1);

/// Another address of the same server.
fn other_address(url: &str) -> String {
    url.replace("127.0.0.1", "localhost")
}

fn builder(urls: &[String]) -> RedlockBuilder {
    let builder = Redlock::builder().nodes(urls).max_ttl(MAX_TTL);
    builder.ttl(MAX_TTL)
}

/// Waits until no node is being identified.
async fn settled(redlock: &Redlock) -> Vec<NodeHealth> {
    let start = Instant::now();
    loop {
        let reports = redlock.nodes().await;
        let health: Vec<_> = reports.into_iter().map(|report| report.health).collect();
        let is_open =
            |it: &NodeHealth| matches!(it, NodeHealth::Connecting | NodeHealth::Quarantined { .. });
        if !health.iter().any(is_open) {
            return health;
        }
        assert!(start.elapsed() < SOON, "{health:?}");
        tokio::time::sleep(10 * MS).await;
    }
}

/// Checks a manager with two addresses of the first server, ahead of the others.
async fn assert_one_vote(servers: &Servers, urls: &[String]) {
    let redlock = builder(urls).build().unwrap();
    let health = settled(&redlock).await;
    let NodeHealth::Down(cause) = &health[1] else {
        panic!("{health:?}")
    };
    let first = format!("it is the same server as 127.0.0.1:{}", servers[0].port());
    assert!(cause.message().contains(&first), "{cause}");
    assert_eq!(health[0], NodeHealth::Connected);
    assert!(
        health[2..].iter().all(|it| *it == NodeHealth::Connected),
        "{health:?}"
    );
    // The other servers are a quorum with the first.
    let guard = redlock.lock("a").wait(SOON).await.unwrap();
    guard.release().await.unwrap();
    // With one server too few, the two addresses of the first make no quorum.
    let quorum = urls.len() / 2 + 1;
    servers[quorum - 1..].iter().for_each(Server::kill);
    let refused = redlock.lock("b").wait(500 * MS).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    assert!(refused.to_string().contains(&first), "{refused}");
    redlock.shutdown().await;
    assert_eq!(holding(servers, "b"), 0);
}

/// The URLs of all servers, with another one of the first behind it: 3 nodes, or 5.
fn with_alias(mut urls: Vec<String>) -> Vec<String> {
    urls.insert(1, other_address(&urls[0]));
    urls
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn two_addresses_of_one_server_have_one_vote() {
    for count in [2, 4] {
        let servers = Servers::start(count);
        assert_one_vote(&servers, &with_alias(servers.urls())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_info_two_addresses_have_one_vote() {
    for denied in [&["-info"][..], &["-info", "-role"]] {
        let servers = Servers::start(2);
        assert_one_vote(&servers, &with_alias(limited(&servers, denied))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn connecting_to_one_server_twice_fails() {
    for denied in [None, Some(&["-info"][..])] {
        let servers = Servers::start(2);
        let urls = denied.map_or_else(|| servers.urls(), |denied| limited(&servers, denied));
        let urls = with_alias(urls);
        for _ in 0..2 {
            let refused = builder(&urls).connect().await.unwrap_err();
            let ConnectError::SameServer { first, second } = &refused else {
                panic!("{refused:?}")
            };
            let port = servers[0].port();
            assert_eq!(**first, *format!("127.0.0.1:{port}"));
            assert_eq!(**second, *format!("localhost:{port}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_address_that_moves_to_another_node_loses_its_vote() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    let mut urls = servers.urls();
    urls[1] = proxies[1].url();
    let redlock = builder(&urls).connect().await.unwrap();
    assert_eq!(settled(&redlock).await, vec![NodeHealth::Connected; 3]);
    drop(redlock);
    // From now on, the proxy leads to the first server.
    urls[1] = proxies[0].url();
    let redlock = builder(&urls).build().unwrap();
    let health = settled(&redlock).await;
    let NodeHealth::Down(cause) = &health[1] else {
        panic!("{health:?}")
    };
    assert!(cause.message().contains("same server"), "{cause}");
}
