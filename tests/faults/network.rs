//! Requests and responses that are late or lost.

use redlock::{LockError, Redlock};
use redlock_tests::{Flow, Proxy, Servers, eventually};

use crate::common::{MS, SECOND, SOON, gone, healthy, holding};

/// Starts servers behind proxies, and a manager that knows only the proxies.
async fn proxied(n: usize) -> (Servers, Vec<Proxy>, Redlock) {
    let servers = Servers::start(n);
    let proxies = servers.proxies();
    let redlock = Redlock::connect(proxies.iter().map(Proxy::url))
        .await
        .unwrap();
    (servers, proxies, redlock)
}

/// Holds the lock until the command has left for the slowest node. A command that is cancelled
/// earlier is not sent at all.
async fn hold_for_a_while(redlock: &Redlock) {
    let _guard = redlock.lock("a").ttl(60 * SECOND).await.unwrap();
    tokio::time::sleep(200 * MS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_grant_whose_response_is_lost_is_released() {
    let (servers, proxies, redlock) = proxied(3).await;
    proxies[0].replies(Flow::Lose);
    proxies[1].replies(Flow::Lose);
    let refused = redlock
        .lock("a")
        .ttl(60 * SECOND)
        .no_wait()
        .await
        .unwrap_err();
    assert!(
        matches!(refused, LockError::NoQuorum { granted: 1, .. }),
        "{refused:?}"
    );
    // The release follows on the same connection, whose requests still pass.
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_late_command_is_followed_by_its_release() {
    let (servers, proxies, redlock) = proxied(3).await;
    proxies[0].requests(Flow::Hold);
    hold_for_a_while(&redlock).await;
    eventually("the nodes that granted have released", SOON, || {
        holding(&servers, "a") == 0
    })
    .await;
    proxies[0].heal();
    // The command and its release arrive in order, so the key is gone and stays gone.
    healthy(&redlock).await;
    gone(&servers, "a").await;
    let _guard = redlock.try_lock("a").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_late_command_of_an_abandoned_connection_is_undone() {
    let (servers, proxies, redlock) = proxied(3).await;
    proxies[0].requests(Flow::Hold);
    hold_for_a_while(&redlock).await;
    // New connections pass while the old one still holds the command back. The command would arrive
    // after the release over the new connection, so the library has to kill the old one.
    tokio::time::sleep(4 * SECOND).await;
    proxies[0].heal_new();
    healthy(&redlock).await;
    proxies[0].heal();
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&servers, "a"), 0);
    assert!(servers[0].probe().calls_of("client|kill") > 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_late_command_is_undone_without_client_kill() {
    let servers = Servers::start_each((0..3).map(|_| {
        redlock_tests::Server::builder().args(["--rename-command", "CLIENT", "no-such-command"])
    }));
    let proxies = servers.proxies();
    let redlock = Redlock::connect(proxies.iter().map(Proxy::url))
        .await
        .unwrap();
    proxies[0].requests(Flow::Hold);
    hold_for_a_while(&redlock).await;
    tokio::time::sleep(4 * SECOND).await;
    proxies[0].heal_new();
    healthy(&redlock).await;
    // The command arrives after the release, which took the new connection. The release is repeated
    // until it finds the key, long before the ttl ends.
    proxies[0].heal();
    eventually("the command has arrived", SOON, || {
        servers[0].probe().calls_of("set") > 0
    })
    .await;
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_broken_connection_is_replaced() {
    let (servers, proxies, redlock) = proxied(3).await;
    let held = redlock.lock("held").ttl(2 * SECOND).await.unwrap();
    for _ in 0..20 {
        for proxy in &proxies {
            proxy.cut();
        }
        let guard = redlock.lock("a").wait(SOON).await.unwrap();
        guard.release().await.unwrap();
    }
    tokio::time::sleep(2 * SECOND).await;
    assert!(held.is_held());
    drop(held);
    gone(&servers, "held").await;
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_release_reaches_a_node_that_was_cut_off() {
    let (servers, proxies, redlock) = proxied(3).await;
    let guard = redlock.lock("a").ttl(60 * SECOND).await.unwrap();
    eventually("the key is everywhere", SOON, || {
        holding(&servers, "a") == 3
    })
    .await;
    proxies[0].refuse();
    proxies[0].cut();
    drop(guard);
    eventually("released on two", SOON, || holding(&servers, "a") == 1).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&servers, "a"), 1);
    proxies[0].heal();
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn slow_servers_can_be_locked() {
    let (servers, proxies, redlock) = proxied(3).await;
    for proxy in &proxies {
        proxy.both(Flow::Delay(20 * MS));
    }
    let guard = redlock.lock("a").ttl(10 * SECOND).await.unwrap();
    assert!(
        guard.remaining() <= 10 * SECOND - 40 * MS,
        "the validity is measured from before the request"
    );
    assert!(guard.extend(20 * SECOND).await.is_ok());
    assert!(guard.release().await.unwrap().was_held());
    gone(&servers, "a").await;
}
