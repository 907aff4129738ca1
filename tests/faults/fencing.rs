//! Fencing tokens on real servers, and invalid counters.

use std::time::Duration;

use deadpool_redis::redis;
use redlock::{FencingToken, LockError, NodeErrorKind, Redlock};
use redlock_tests::Servers;

use crate::common::{MS, SECOND, everywhere, fleet, fleet_without_quarantine, gone};

/// Returns the calls of `command` on each server since the last reset.
fn calls(servers: &Servers, command: &str) -> Vec<u64> {
    servers
        .iter()
        .map(|server| server.probe().calls_of(command))
        .collect()
}

fn set_counter(servers: &Servers, node: usize, value: &str) {
    let add = redis::cmd("ZADD")
        .arg("{a}:fence")
        .arg(value)
        .arg("c")
        .clone();
    let _added: i64 = servers[node].probe().query(&add);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn tokens_grow_without_raises_while_counters_agree() {
    let (servers, redlock) = fleet(5).await;
    for server in servers.iter() {
        server.probe().reset_calls();
    }
    let mut last = FencingToken::new(0);
    for _ in 0..100 {
        let guard = redlock.try_lock("a").await.unwrap();
        assert!(guard.token() > last);
        last = guard.token();
        guard.release().await.unwrap();
    }
    redlock.shutdown().await;
    // A release is one call of a script or of the native command. A raise would be another call.
    // An acquire that was cancelled before it left for the slowest server is not sent.
    let counted: [&[_]; 3] = [&["set"], &["zadd"], &["evalsha", "delifeq", "delex"]];
    for command in counted {
        let of_each = command.iter().map(|name| calls(&servers, name));
        let calls = of_each.fold(vec![0; servers.len()], |sums, calls| {
            sums.iter()
                .zip(calls)
                .map(|(sum, calls)| sum + calls)
                .collect()
        });
        assert!(
            calls.iter().all(|calls| *calls <= 100),
            "{command:?}: {calls:?}"
        );
        assert!(calls.iter().sum::<u64>() >= 300, "{command:?}: {calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn diverging_counters_cost_one_more_round_trip() {
    let (servers, redlock) = fleet(3).await;
    let ahead = 4_000_000_000_000_000_u64;
    for (node, lead) in [(0, 5), (1, 7), (2, 9)] {
        set_counter(&servers, node, &(ahead + lead).to_string());
        servers[node].probe().reset_calls();
    }
    let guard = redlock.try_lock("a").await.unwrap();
    let token = guard.token();
    assert!(token > FencingToken::new(ahead + 7) && token <= FencingToken::new(ahead + 10));
    guard.release().await.unwrap();
    redlock.shutdown().await;
    let scripts = calls(&servers, "evalsha");
    assert!(
        scripts.iter().all(|calls| *calls <= 2),
        "a raise and a release: {scripts:?}"
    );

    let other = Redlock::connect(servers.urls()).await.unwrap();
    assert!(other.try_lock("a").await.unwrap().token() > token);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_invalid_counter_is_an_error_that_names_the_node() {
    for value in ["9007199254740993", "inf"] {
        let (servers, redlock) = fleet(3).await;
        for node in 0..2 {
            set_counter(&servers, node, value);
        }
        // In the first round, and in later ones.
        for wait in [MS, 500 * MS] {
            let refused = redlock.lock("a").wait(wait).await.unwrap_err();
            let LockError::NoQuorum {
                granted: 1,
                failures,
                ..
            } = &refused
            else {
                panic!("{value}: {refused:?}");
            };
            assert_eq!(failures.len(), 2, "{value}: {refused:?}");
            for (failure, server) in failures.iter().zip(servers.iter()) {
                assert_eq!(
                    failure.error().kind(),
                    NodeErrorKind::Counter,
                    "{value}: {failure}"
                );
                assert!(failure.node().ends_with(&server.port().to_string()));
            }
        }
        gone(&servers, "a").await;
        let score: String = servers[0]
            .probe()
            .query(redis::cmd("ZSCORE").arg("{a}:fence").arg("c"));
        assert!(
            score.starts_with(&value[..3]),
            "the counter is unchanged: {score}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_counter_of_another_type_is_an_error_and_is_left_alone() {
    let (servers, redlock) = fleet(3).await;
    for node in 0..2 {
        servers[node].probe().set("{a}:fence", "data", None);
    }
    for wait in [MS, 500 * MS] {
        let refused = redlock.lock("a").wait(wait).await.unwrap_err();
        let kinds: Vec<_> = refused
            .failures()
            .iter()
            .map(|it| it.error().kind())
            .collect();
        assert_eq!(kinds, [NodeErrorKind::Counter; 2], "{refused:?}");
    }
    gone(&servers, "a").await;
    assert_eq!(servers[0].probe().get("{a}:fence").as_deref(), Some("data"));

    // One such node is a minority.
    servers[1].probe().del("{a}:fence");
    assert!(redlock.lock("a").await.unwrap().try_token().is_some());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_fencing_no_key_is_left_behind() {
    let servers = Servers::start(3);
    let redlock = Redlock::builder()
        .nodes(servers.urls())
        .fencing(false)
        .connect()
        .await
        .unwrap();
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert!(guard.is_held() && guard.try_token().is_none());
    guard.release().await.unwrap();
    gone(&servers, "a").await;
    for server in servers.iter() {
        assert!(server.probe().keys().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_counter_outlives_the_lock_but_expires() {
    let (servers, redlock) = fleet(3).await;
    let guard = redlock.lock("a").await.unwrap();
    let token = guard.token();
    everywhere(&servers, "a").await;
    guard.release().await.unwrap();
    redlock.shutdown().await;
    for server in servers.iter() {
        let probe = server.probe();
        let score: u64 = probe.query(redis::cmd("ZSCORE").arg("{a}:fence").arg("c"));
        assert_eq!(FencingToken::new(score), token);
        let left = probe.pttl("{a}:fence").unwrap();
        // An eighth longer than requested, so that the expiry need not be set every time.
        assert!(left > 3600 * SECOND && left <= 4050 * SECOND, "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_counter_that_was_flushed_is_created_with_an_expiry() {
    let (servers, redlock) = fleet_without_quarantine(3).await;
    // The first round sets the expiry, the others rely on it.
    for _ in 0..3 {
        redlock.lock("a").await.unwrap().release().await.unwrap();
    }
    for server in servers.iter() {
        server.probe().flushall();
    }
    let guard = redlock.lock("a").await.unwrap();
    everywhere(&servers, "a").await;
    guard.release().await.unwrap();
    redlock.shutdown().await;
    for server in servers.iter() {
        let probe = server.probe();
        assert!(probe.exists("{a}:fence"), "every node has a counter again");
        let left = probe.pttl("{a}:fence").unwrap();
        assert!(left < Duration::MAX, "it expires");
    }
}
