//! Releases through `DELIFEQ` or `DELEX`, and users without the right to them.

use deadpool_redis::redis::{Value, cmd};
use redlock::{LockGuard, Redlock, ReleaseOutcome};
use redlock_tests::{Probe, Server, Servers};

use crate::common::{LONG, everywhere, fleet, gone};

/// Returns the name of the native compare-and-delete command of the server.
fn native(probe: &Probe) -> Option<&'static str> {
    let names = ["delifeq", "delex"];
    let known: Vec<Value> = probe.query(cmd("COMMAND").arg("INFO").arg(&names));
    let mut known = names.into_iter().zip(known);
    let (name, _) = known.find(|(_, known)| *known != Value::Nil)?;
    Some(name)
}

/// Counts the calls of a command that the server has rejected.
fn rejected(probe: &Probe, command: &str) -> u64 {
    let info: String = probe.query(cmd("INFO").arg("commandstats"));
    let stats = info
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:")));
    let count = stats.and_then(|stats| {
        let (_, count) = stats.split_once("rejected_calls=")?;
        count.split(',').next()?.parse().ok()
    });
    count.unwrap_or_default()
}

/// Releases the lock once all servers have it. Asserts that every server that responds deleted it.
async fn release(servers: &Servers, guard: LockGuard) {
    let key = guard.resource().to_string();
    everywhere(servers, &key).await;
    for node in guard.release().await.unwrap().nodes() {
        let possible = [&ReleaseOutcome::Deleted, &ReleaseOutcome::Pending];
        assert!(possible.contains(&node.outcome()), "{node:?}");
    }
    gone(servers, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_release_uses_the_native_command_where_it_exists() {
    let (servers, redlock) = fleet(3).await;
    for round in 1..=3 {
        let guard = redlock.lock("a").ttl(LONG / 8).await.unwrap();
        everywhere(&servers, "a").await;
        for server in &servers {
            server.probe().reset_calls();
        }
        release(&servers, guard).await;
        for server in &servers {
            let calls = server.probe().calls();
            let of = |name: &str| calls.get(name).copied().unwrap_or_default();
            match native(&server.probe()) {
                Some(name) => {
                    assert_eq!(of(name), 1, "round {round}: {calls:?}");
                    assert_eq!(of("evalsha"), 0, "round {round}: {calls:?}");
                }
                None => assert_eq!((of("evalsha"), of("del")), (1, 1), "{calls:?}"),
            }
        }
        if round == 1 {
            // A key of another type counts as absent, and the native command stays in use.
            let guard = redlock.lock("b").await.unwrap();
            everywhere(&servers, "b").await;
            for server in &servers {
                server.probe().del("b");
                server
                    .probe()
                    .query::<()>(cmd("RPUSH").arg("b").arg("data"));
            }
            for node in guard.release().await.unwrap().nodes() {
                let possible = [&ReleaseOutcome::Absent, &ReleaseOutcome::Pending];
                assert!(possible.contains(&node.outcome()), "{node:?}");
            }
        }
    }
}

/// Starts servers with a user `app`, who has the documented rights and `more`.
fn with_user(more: &[&str]) -> (Servers, Vec<String>) {
    let servers = Servers::start(3);
    let rights = "on >pass ~* +set +get +del +type +pttl +pexpire +zadd +zscore +eval +evalsha \
                  +script|load +ping +info +time";
    for server in &servers {
        let words = ["SETUSER", "app"].into_iter();
        let words = words
            .chain(rights.split_whitespace())
            .chain(more.iter().copied());
        let words: Vec<&str> = words.collect();
        server.probe().query::<()>(cmd("ACL").arg(&words));
    }
    let url = |server: &Server| format!("redis://app:pass@127.0.0.1:{}", server.port());
    let urls = servers.iter().map(url).collect();
    (servers, urls)
}

/// Acquires and releases a lock, three times.
async fn lock_thrice(servers: &Servers, urls: Vec<String>) {
    let redlock = Redlock::connect(urls).await.unwrap();
    for _ in 0..3 {
        let guard = redlock.lock("a").ttl(LONG / 8).await.unwrap();
        release(servers, guard).await;
    }
}

/// Acquires fifty locks, and waits until every server has them.
async fn acquire_many(servers: &Servers, redlock: &Redlock) -> Vec<LockGuard> {
    let mut guards = Vec::new();
    for number in 0..50 {
        let guard = redlock.lock(format!("key {number}")).ttl(LONG / 8).await;
        guards.push(guard.unwrap());
    }
    for number in 0..50 {
        everywhere(servers, &format!("key {number}")).await;
    }
    guards
}

async fn all_gone(servers: &Servers) {
    for number in 0..50 {
        gone(servers, &format!("key {number}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_user_without_command_info_releases_by_script() {
    let (servers, urls) = with_user(&[]);
    lock_thrice(&servers, urls).await;
    for server in &servers {
        if let Some(name) = native(&server.probe()) {
            assert_eq!(server.probe().calls_of(name), 0);
            assert_eq!(rejected(&server.probe(), name), 0, "it was not tried");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn after_a_rejected_native_release_the_script_is_used() {
    let (servers, urls) = with_user(&["+command"]);
    lock_thrice(&servers, urls).await;
    for server in &servers {
        if let Some(name) = native(&server.probe()) {
            assert_eq!(rejected(&server.probe(), name), 1, "it was tried once");
        }
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn batched_releases_need_no_right_to_mget() {
    let (servers, urls) = with_user(&[]);
    let redlock = Redlock::connect(urls).await.unwrap();
    let guards = acquire_many(&servers, &redlock).await;
    drop(guards);
    all_gone(&servers).await;
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_revoked_right_loses_no_release() {
    let (servers, urls) = with_user(&["+@all"]);
    let redlock = Redlock::connect(urls).await.unwrap();
    let guards = acquire_many(&servers, &redlock).await;
    for server in &servers {
        if let Some(name) = native(&server.probe()) {
            let without = format!("-{name}");
            let words = ["SETUSER", "app", &without];
            server.probe().query::<()>(cmd("ACL").arg(&words));
        }
    }
    // Many releases leave at once. Each one that is rejected is sent again.
    drop(guards);
    all_gone(&servers).await;
}
