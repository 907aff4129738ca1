//! Waiters whose votes and hints arrive late.

use redlock::Redlock;
use redlock_tests::{Flow, Proxy, Servers};

use crate::absent::until_listed;
use crate::common::{MS, SECOND, everywhere, form, gone};
use crate::waiters::{
    NEVER, acquired, builder, hold, listed, manager, nothing_is_left, until_hinted,
};

/// Connects a manager that gets all responses and hints 50 ms late.
async fn late_manager(servers: &Servers) -> (Vec<Proxy>, Redlock) {
    let proxies: Vec<_> = servers.iter().map(Proxy::to_server).collect();
    let redlock = builder(proxies.iter().map(Proxy::url), NEVER);
    let redlock = redlock.connect().await.unwrap();
    until_hinted(&redlock).await;
    for proxy in &proxies {
        proxy.replies(Flow::Delay(50 * MS));
    }
    (proxies, redlock)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_request_cancelled_before_its_grants_arrive_leaves_all_lists() {
    let servers = Servers::start(3);
    form(&servers).await;
    let holder = manager(&servers, NEVER).await;
    let (_proxies, late) = late_manager(&servers).await;
    let guard = hold(&servers, &holder).await;
    let waiter = tokio::spawn(late.lock("a").into_future());
    until_listed(&servers, &[1, 1, 1]).await;
    tokio::time::sleep(200 * MS).await;
    drop(guard);
    gone(&servers, "a").await;
    // The hints arrive, and the next round is granted the lock. The votes are on their way.
    everywhere(&servers, "a").await;
    waiter.abort();
    gone(&servers, "a").await;
    nothing_is_left(&servers).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_vote_for_a_cancelled_request_leaves_the_next_request_listed() {
    let servers = Servers::start(3);
    form(&servers).await;
    let holder = manager(&servers, NEVER).await;
    let (_proxies, late) = late_manager(&servers).await;
    let guard = hold(&servers, &holder).await;
    // Two requests are cancelled: while it waits, and before its votes arrive.
    for patience in [300 * MS, 20 * MS] {
        let request = tokio::time::timeout(patience, late.lock("a"));
        assert!(request.await.is_err());
    }
    let waiter = tokio::spawn(late.lock("a").into_future());
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(listed(&servers), [1, 1, 1]);
    drop(guard);
    drop(acquired(tokio::spawn(async { waiter.await.unwrap().unwrap() })).await);
}
