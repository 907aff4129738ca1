//! Managers that cannot be hinted, and poll: for lack of a right, over RESP2, or without pushes.

use std::time::Instant;

use deadpool_redis::redis;
use deadpool_redis::redis::cmd;
use redlock::Redlock;
use redlock_tests::{Proxy, Servers, eventually};

use crate::common::{MS, SOON, form, gone, limited};
use crate::waiters::{
    NEVER, OFTEN, acquired, builder, hold, listed, manager, nothing_is_left, waiter,
};

/// The number of commands that the servers have refused for lack of a right.
fn refused(servers: &Servers) -> Vec<i64> {
    let refused = servers.iter().map(|server| {
        let log: Vec<redis::Value> = server.probe().query(cmd("ACL").arg("LOG").arg("1000"));
        let count = |entry: redis::Value| {
            let entry: std::collections::HashMap<String, redis::Value> =
                redis::from_redis_value(entry).unwrap();
            redis::from_redis_value::<i64>(entry["count"].clone()).unwrap()
        };
        log.into_iter().map(count).sum()
    });
    refused.collect()
}

/// Hands the lock back and forth between two managers, each of which waits for the other.
async fn hand_back_and_forth(managers: &[Redlock; 2], times: usize) {
    let mut guard = managers[0].lock("a").await.unwrap();
    for number in 1..=times {
        let request = managers[number % 2].lock("a");
        let waiter = tokio::spawn(async move { request.await.unwrap() });
        // Several attempts of the waiter.
        tokio::time::sleep(20 * MS).await;
        drop(guard);
        guard = acquired(waiter).await;
    }
    assert!(guard.release().await.unwrap().was_held());
}

/// Lets two managers without some rights wait for each other.
async fn waiters_poll_without(rights: &[&str], fencing: bool) {
    let servers = Servers::start(3);
    let urls = limited(&servers, rights);
    let mut managers = Vec::new();
    for _ in 0..2 {
        // Without `time`, a new manager counts a quarantine by its own clock.
        let builder = builder(urls.clone(), OFTEN).restart_quarantine(false);
        let builder = builder.fencing(fencing);
        managers.push(builder.connect().await.unwrap());
    }
    let managers: [Redlock; 2] = managers.try_into().unwrap();
    // Each connection finds out what is refused, and remembers it.
    hand_back_and_forth(&managers, 4).await;
    gone(&servers, "a").await;
    let before = refused(&servers);
    hand_back_and_forth(&managers, 10).await;
    let after = refused(&servers);
    // Each of the two connections of a server may find out only now. Ten handoffs would add ten.
    let more = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before);
    let is_remembered = more.max() <= Some(4);
    assert!(is_remembered, "{rights:?}: {before:?}, then {after:?}");
    gone(&servers, "a").await;
    nothing_is_left(&servers).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_the_right_to_publish_or_subscribe_waiters_poll() {
    for rights in [
        &["-publish"][..],
        &["-subscribe"],
        &["-subscribe", "-publish"],
    ] {
        waiters_poll_without(rights, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_access_to_channels_waiters_poll() {
    waiters_poll_without(&["resetchannels"], true).await;
    waiters_poll_without(&["resetchannels", "&another:*"], true).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_the_rights_to_waiting_lists_waiters_poll() {
    // Fencing tokens need `zadd`.
    waiters_poll_without(&["-zadd"], false).await;
    for right in ["-zpopmin", "-zrank", "-zrem", "-time", "-pubsub", "-exists"] {
        waiters_poll_without(&[right], true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_manager_over_resp2_polls_and_hints_others() {
    let servers = Servers::start(3);
    form(&servers).await;
    let old = servers.urls().into_iter();
    let old = old.map(|url| format!("{url}?protocol=resp2"));
    let old = builder(old, OFTEN).connect().await.unwrap();
    assert!(old.nodes().await.iter().all(|node| !node.hints));
    let live = manager(&servers, NEVER).await;
    for _ in 0..3 {
        let guard = hold(&servers, &old).await;
        let waiter = waiter(&servers, &live).await;
        servers
            .iter()
            .for_each(|server| server.probe().reset_calls());
        drop(guard);
        let guard = acquired(waiter).await;
        let hints = || {
            let hints = servers.iter().map(|it| it.probe().calls_of("publish"));
            hints.sum::<u64>()
        };
        eventually("the release has hinted the waiter", SOON, || hints() > 0).await;
        // It is on no list, and polls.
        let request = old.lock("a");
        let polling = tokio::spawn(async move { request.await.unwrap() });
        tokio::time::sleep(3 * OFTEN).await;
        assert_eq!(listed(&servers), [0; 3]);
        drop(guard);
        drop(acquired(polling).await);
        gone(&servers, "a").await;
    }
    nothing_is_left(&servers).await;
}

/// Takes many locks at once, reads their state, and checks that each response is its own.
async fn every_response_is_its_own(servers: &Servers, redlock: &Redlock) {
    let tasks = (0..100).map(|number| {
        let redlock = redlock.clone();
        tokio::spawn(async move {
            let key = format!("key {number}");
            for _ in 0..10 {
                let guard = redlock.lock(&*key).wait(2 * SOON).await.unwrap();
                let status = redlock.status(&*key).await;
                assert_eq!(status.lease_id(), Some(guard.lease_id()), "{status:?}");
                assert!(status.token() >= guard.try_token(), "{status:?}");
                let free = redlock.status(format!("free {number}")).await;
                assert!(!free.is_held() && free.lease_id().is_none(), "{free:?}");
                let released = guard.release().await.unwrap();
                assert!(released.was_held(), "{released:?}");
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        tokio::time::timeout(6 * SOON, task).await.unwrap().unwrap();
    }
    // The release at a third server may be in flight.
    eventually("only counters are left", SOON, || {
        servers.iter().all(|server| {
            let keys = server.probe().keys();
            keys.iter().all(|key| key.ends_with(":fence"))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_pushes_no_response_is_taken_for_another() {
    let filters: [fn(&Proxy); 3] = [
        Proxy::filter_pushes,
        Proxy::filter_confirmations,
        Proxy::filter_all_pushes,
    ];
    for filter in filters {
        let servers = Servers::start(3);
        form(&servers).await;
        let proxies = servers.proxies();
        proxies.iter().for_each(filter);
        let urls = || proxies.iter().map(Proxy::url);
        // A manager takes a connection for hung while the confirmation of a subscription is missing,
        // and a second one, too. Its locks wait for that.
        let managers = [(); 2].map(|()| builder(urls(), OFTEN).build().unwrap());
        for redlock in &managers {
            let start = Instant::now();
            every_response_is_its_own(&servers, redlock).await;
            println!("1000 locks after {:?}", start.elapsed());
        }
        hand_back_and_forth(&managers, 10).await;
        assert_eq!(listed(&servers), [0; 3]);
        nothing_is_left(&servers).await;
    }
}
