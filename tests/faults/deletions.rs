//! Servers that can delete a key that is ours by a command of their own, and users who may not.

use deadpool_redis::redis::{Value, cmd};
use redlock::{LockGuard, Redlock, ReleaseOutcome};
use redlock_tests::{Probe, Server, Servers};

use crate::common::{LONG, everywhere, fleet, gone};

/// The command that the server has for it.
fn native(probe: &Probe) -> Option<&'static str> {
    let names = ["delifeq", "delex"];
    let known: Vec<Value> = probe.query(cmd("COMMAND").arg("INFO").arg(&names));
    let mut known = names.into_iter().zip(known);
    let (name, _) = known.find(|(_, known)| *known != Value::Nil)?;
    Some(name)
}

/// How often the server refused to run a command.
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

/// Releases the lock when all servers have it, and expects all that answer to have deleted it.
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
async fn a_release_is_a_command_of_the_server_s_own_where_it_has_one() {
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
            // A key of another type is a reason to look again, not to do without the command.
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

/// Servers with a user `app` who may do what the documentation asks for, and `more`.
fn with_user(more: &[&str]) -> (Servers, Vec<String>) {
    let servers = Servers::start(3);
    let rights = "on >pass ~* +set +get +del +type +pttl +pexpire +zadd +zscore +eval +evalsha \
                  +script|load +ping";
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

/// Takes a lock and gives it back, three times.
async fn lock_thrice(servers: &Servers, urls: Vec<String>) {
    let redlock = Redlock::connect(urls).await.unwrap();
    for _ in 0..3 {
        let guard = redlock.lock("a").ttl(LONG / 8).await.unwrap();
        release(servers, guard).await;
    }
}

/// Fifty guards, each of whose locks is on every server.
async fn many(servers: &Servers, redlock: &Redlock) -> Vec<LockGuard> {
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
async fn whoever_may_not_ask_which_commands_there_are_releases_by_script() {
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
async fn whoever_may_not_use_the_command_releases_by_script_from_then_on() {
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
async fn releases_that_leave_together_need_no_right_to_look_at_all_their_keys_at_once() {
    let (servers, urls) = with_user(&[]);
    let redlock = Redlock::connect(urls).await.unwrap();
    let guards = many(&servers, &redlock).await;
    drop(guards);
    all_gone(&servers).await;
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_right_that_is_taken_away_costs_no_release() {
    let (servers, urls) = with_user(&["+@all"]);
    let redlock = Redlock::connect(urls).await.unwrap();
    let guards = many(&servers, &redlock).await;
    for server in &servers {
        if let Some(name) = native(&server.probe()) {
            let without = format!("-{name}");
            let words = ["SETUSER", "app", &without];
            server.probe().query::<()>(cmd("ACL").arg(&words));
        }
    }
    // Many at once: each that is refused is sent again.
    drop(guards);
    all_gone(&servers).await;
}
