//! Waiting lists that only a server can have: their keys, and sessions that cannot be hinted.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock::node::{Sight, Vote};
use redlock_tests::eventually;

use crate::subject::server;

const LONG: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A time limit for anything that is certain to happen.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_look_at_a_key_without_expiry_reports_no_time() {
    let node = server();
    node.probe().set("a", "data", None);
    let endless = Sight::Held { remaining: None };
    assert_eq!(node.look(b"a", None).get().await, endless);
    node.acquire(b"b", "1", LONG).get().await;
    for keys in [["a", "b"], ["b", "a"]] {
        assert_eq!(node.look(keys, None).get().await, endless);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_keys_of_a_waiting_list_expire() {
    let node = server();
    let (waiter, probe) = (node.process().await, node.probe());
    node.prepare_to_wait().await;
    for (key, list, next) in [
        ("a", "{a}:wait", "{a}:next"),
        ("a{tag}b", "a{tag}b:wait!", "a{tag}b:next!"),
    ] {
        node.acquire(key.as_bytes(), "holder", LONG).get().await;
        waiter.contend(key.as_bytes(), "1", SECOND).get().await;
        assert_eq!(probe.keys(), [key, list], "the waiting list");
        let left = probe.pttl(list).unwrap();
        assert!(left > LONG / 2 && left <= LONG, "{left:?}");
        // Each poll of the first waiter keeps it.
        assert!(probe.pexpire(list, SECOND));
        waiter.contend(key.as_bytes(), "1", SECOND).get().await;
        assert!(probe.pttl(list).unwrap() > LONG / 2);
        // The waiter does not take the key that is kept for it. The reservation ends by itself.
        let before = waiter.hints();
        node.release(key.as_bytes(), "holder").get().await;
        waiter.hinted(before + 1).await;
        if let Some(left) = probe.pttl(next) {
            assert!(left <= SECOND / 100, "{left:?}");
        }
        assert!(!probe.exists(list));
        eventually("no key is left", SOON, || probe.keys().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_session_that_cannot_be_hinted_is_not_listed() {
    let node = server();
    let deaf = node.deaf_process();
    node.acquire(b"a", "holder", LONG).get().await;
    for _ in 0..3 {
        let vote = deaf.contend(b"a", "1", SECOND).get().await;
        assert!(matches!(vote, Vote::Busy { rank: None, .. }), "{vote:?}");
    }
    deaf.requeue(b"a", "1", SECOND).get().await;
    assert!(!deaf.can_be_hinted());
    assert_eq!(node.probe().keys(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_waiting_list_of_another_type_does_no_harm() {
    let node = server();
    let waiter = node.process().await;
    node.prepare_to_wait().await;
    for other in ["{a}:wait", "{a}:next"] {
        let push = cmd("RPUSH").arg(other).arg("data").clone();
        node.probe().query::<()>(&push);
    }
    node.acquire(b"a", "holder", LONG).get().await;
    let vote = waiter.contend(b"a", "1", SECOND).get().await;
    assert!(matches!(vote, Vote::Busy { rank: None, .. }), "{vote:?}");
    assert_eq!(node.inspect(b"a").get().await.waiters, None);
    node.release(b"a", "holder").get().await;
    waiter.leave(b"a").await;
    let vote = waiter.contend(b"a", "1", SECOND).get().await;
    assert_eq!(vote, Vote::Granted { stamp: None });
    assert_eq!(node.probe().keys(), ["a", "{a}:next", "{a}:wait"]);
}
