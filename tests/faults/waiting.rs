//! Waiting for a lock that somebody else has: told by the servers, or not.
//!
//! Who is told gets the lock with a retry delay that is longer than any test; who is not, only with
//! a short one. So it is the lock itself that shows which of the two was at work, and not the clock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use redlock::node::RedisNode;
use redlock::{LockGuard, Redlock, RedlockBuilder};
use redlock_tests::{Probe, Proxy, Servers, eventually};
use tokio::task::JoinHandle;

use crate::common::{LONG, MS, SECOND, SOON, everywhere};

/// Far beyond what a test waits, even halved.
const NEVER: Duration = Duration::from_secs(600);

/// Soon, however random.
const OFTEN: Duration = Duration::from_millis(100);

fn waiting(urls: impl IntoIterator<Item = String>, retry_delay: Duration) -> RedlockBuilder {
    let builder = Redlock::builder().nodes(urls).max_ttl(LONG);
    builder.retry_delay(retry_delay).wait(2 * NEVER)
}

/// Has a client that is no part of this library hold a key everywhere.
fn take(servers: &Servers, key: &str) {
    for server in servers {
        server.probe().set(key, "somebody", LONG);
    }
}

fn give_back(servers: &Servers, key: &str) {
    for server in servers {
        server.probe().del(key);
    }
}

/// A request that has been refused by a quorum of servers, and waits: the others need not tell it
/// any more who has the lock.
async fn waiter(servers: &Servers, redlock: &Redlock, key: &'static str) -> JoinHandle<LockGuard> {
    for server in servers {
        server.probe().reset_calls();
    }
    let request = redlock.lock(key);
    let waiter = tokio::spawn(async move { request.await.unwrap() });
    let asked = |probe: &Probe| probe.calls_of("evalsha") + probe.calls_of("eval") > 0;
    eventually("a quorum of servers has refused", SOON, || {
        let refused = servers.iter().filter(|server| asked(&server.probe()));
        refused.count() > servers.len() / 2
    })
    .await;
    assert!(!waiter.is_finished());
    waiter
}

/// How many nodes tell those who wait.
async fn telling(redlock: &Redlock) -> usize {
    let reports = redlock.nodes().await;
    reports.iter().filter(|report| report.notifies).count()
}

/// Has `redlock` wait for a lock that is then given back, and get it.
async fn hand_over(servers: &Servers, redlock: &Redlock) {
    take(servers, "a");
    let waiter = waiter(servers, redlock, "a").await;
    give_back(servers, "a");
    arrives(waiter).await.release().await.unwrap();
}

/// The guard, which must come long before anybody would ask untold.
async fn arrives(waiter: JoinHandle<LockGuard>) -> LockGuard {
    let guard = tokio::time::timeout(SOON, waiter).await;
    guard.expect("nobody told the waiter").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn whoever_ends_the_lock_in_whatever_way_wakes_who_waits() {
    let servers = Servers::start(3);
    let redlock = waiting(servers.urls(), NEVER).connect().await.unwrap();
    let each = |act: &dyn Fn(Probe)| servers.iter().for_each(|server| act(server.probe()));
    let ends: [(&str, &dyn Fn()); 4] = [
        ("deleted", &|| give_back(&servers, "a")),
        ("expired", &|| {
            each(&|probe| assert!(probe.pexpire("a", MS)));
        }),
        ("flushed", &|| each(&|probe| probe.flushall())),
        ("overwritten, then deleted", &|| {
            take(&servers, "a");
            give_back(&servers, "a");
        }),
    ];
    for (how, end) in ends {
        take(&servers, "a");
        let waiter = waiter(&servers, &redlock, "a").await;
        end();
        let guard = tokio::time::timeout(SOON, waiter).await;
        let guard = guard.unwrap_or_else(|_| panic!("{how}: nobody told"));
        drop(guard.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn managers_hand_over_to_each_other() {
    let servers = Servers::start(3);
    let first = waiting(servers.urls(), NEVER).connect().await.unwrap();
    let second = waiting(servers.urls(), NEVER).connect().await.unwrap();
    let mut guard = first.lock("a").await.unwrap();
    for number in 0..20 {
        let next = [&second, &first][number % 2];
        let waiter = waiter(&servers, next, "a").await;
        drop(guard);
        guard = arrives(waiter).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_extension_by_the_holder_wakes_nobody_for_good() {
    let servers = Servers::start(3);
    let holder = waiting(servers.urls(), NEVER).connect().await.unwrap();
    let redlock = waiting(servers.urls(), NEVER).connect().await.unwrap();
    let guard = holder.lock("a").ttl(20 * SECOND).await.unwrap();
    let waiter = waiter(&servers, &redlock, "a").await;
    for more in 1..=3 {
        guard.extend(20 * SECOND + MS * 1000 * more).await.unwrap();
        tokio::time::sleep(20 * MS).await;
    }
    assert!(!waiter.is_finished() && guard.is_held());
    drop(guard);
    drop(arrives(waiter).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_minority_of_silent_servers_does_not_keep_who_waits_from_being_told() {
    let servers = Servers::start(5);
    let redlock = waiting(servers.urls(), NEVER).connect().await.unwrap();
    take(&servers, "a");
    let waiter = waiter(&servers, &redlock, "a").await;
    servers[0].kill();
    servers[1].pause();
    for server in &servers[2..] {
        server.probe().del("a");
    }
    drop(arrives(waiter).await);
    servers[1].resume();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_new_connection_is_a_reason_to_look_again() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    let urls = proxies.iter().map(Proxy::url);
    let redlock = waiting(urls, NEVER).connect().await.unwrap();
    take(&servers, "a");
    let waiter = waiter(&servers, &redlock, "a").await;
    for proxy in &proxies {
        proxy.refuse();
        proxy.cut();
    }
    // Nobody hears of this.
    give_back(&servers, "a");
    for proxy in &proxies {
        proxy.accept();
    }
    drop(arrives(waiter).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn where_messages_are_lost_who_waits_asks_all_the_same() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    proxies.iter().for_each(Proxy::filter_pushes);
    let urls = proxies.iter().map(Proxy::url);
    let redlock = waiting(urls, OFTEN).connect().await.unwrap();
    hand_over(&servers, &redlock).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn where_the_user_may_not_be_told_who_waits_asks() {
    let servers = Servers::start(3);
    for refused in [
        "-client|tracking",
        "-client|caching",
        "-client",
        "-hello",
        "-exists",
    ] {
        for server in &servers {
            let rules = [
                "SETUSER", "weak", "reset", "on", ">pw", "~*", "+@all", refused,
            ];
            server.probe().query::<()>(cmd("ACL").arg(&rules));
        }
        let ports = servers.iter().map(|server| server.port());
        let urls = ports.map(|port| format!("redis://weak:pw@127.0.0.1:{port}"));
        let redlock = waiting(urls, OFTEN).connect().await.unwrap();
        hand_over(&servers, &redlock).await;
        // The greeting comes before the server knows whom it refuses what. One node may not have
        // been asked to tell: a quorum had answered before.
        if refused != "-hello" {
            assert!(telling(&redlock).await < 2, "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_user_with_the_rights_that_the_readme_names_is_told() {
    let servers = Servers::start(3);
    let rights = "+set +get +del +type +pttl +pexpire +zadd +zscore +eval +evalsha +script|load \
                  +ping +hello +exists +client|tracking +client|caching";
    for server in &servers {
        let mut user = cmd("ACL");
        user.arg(&["SETUSER", "told", "on", ">pw", "~app:*", "~{app:*"]);
        for right in rights.split_whitespace() {
            user.arg(right);
        }
        server.probe().query::<()>(&user);
    }
    let ports = servers.iter().map(|server| server.port());
    let urls = ports.map(|port| format!("redis://told:pw@127.0.0.1:{port}"));
    let redlock = waiting(urls, NEVER).key_prefix("app:");
    let redlock = redlock.connect().await.unwrap();
    assert_eq!(telling(&redlock).await, 3);
    take(&servers, "app:a");
    let waiter = waiter(&servers, &redlock, "a").await;
    give_back(&servers, "app:a");
    drop(arrives(waiter).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn who_speaks_the_older_protocol_or_brings_a_pool_asks() {
    let servers = Servers::start(3);
    let urls = servers.urls();
    let old = urls.iter().map(|url| format!("{url}?protocol=resp2"));
    let old = waiting(old, OFTEN).connect().await.unwrap();
    let pools = urls.iter().map(|url| {
        let pool = deadpool_redis::Config::from_url(url).create_pool(None);
        RedisNode::from_pool(pool.unwrap(), &**url)
    });
    let pooled = Redlock::builder().nodes(pools).max_ttl(LONG);
    let pooled = pooled
        .retry_delay(OFTEN)
        .wait(NEVER)
        .connect()
        .await
        .unwrap();
    for redlock in [old, pooled] {
        assert_eq!(telling(&redlock).await, 0);
        hand_over(&servers, &redlock).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_idle_waiter_costs_nothing_but_its_polls() {
    let servers = Servers::start(3);
    let redlock = waiting(servers.urls(), NEVER).connect().await.unwrap();
    take(&servers, "a");
    let waiter = waiter(&servers, &redlock, "a").await;
    let asked = || -> Vec<u64> {
        let calls = servers
            .iter()
            .map(|server| server.probe().calls_of("evalsha"));
        calls.collect()
    };
    // What the last server was asked may still be on its way.
    let (start, mut before) = (Instant::now(), Vec::new());
    while before != asked() {
        assert!(start.elapsed() < SOON, "it asks on and on: {before:?}");
        before = asked();
        tokio::time::sleep(SECOND).await;
    }
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(asked(), before);
    give_back(&servers, "a");
    drop(arrives(waiter).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn contenders_that_split_the_votes_make_progress() {
    for (contenders, nodes) in [(3, 3), (4, 4), (6, 5)] {
        let servers = Servers::start(nodes);
        let start = Instant::now();
        static IS_HELD: AtomicBool = AtomicBool::new(false);
        let tasks: Vec<_> = (0..contenders)
            .map(|_| {
                let urls = servers.urls();
                tokio::spawn(async move {
                    // As processes have it: with connections of its own.
                    let redlock = waiting(urls, OFTEN).connect().await.unwrap();
                    for _ in 0..100 {
                        let guard = redlock.lock("a").await.unwrap();
                        assert!(!IS_HELD.swap(true, Ordering::SeqCst));
                        tokio::task::yield_now().await;
                        assert!(IS_HELD.swap(false, Ordering::SeqCst));
                        drop(guard);
                    }
                    redlock.shutdown().await;
                })
            })
            .collect();
        for task in tasks {
            // Some hundred hand-overs take a second; votes that are split for ever take for ever.
            tokio::time::timeout(6 * SOON, task).await.unwrap().unwrap();
        }
        println!("{contenders} on {nodes}: {:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn what_is_taken_back_within_a_process_is_told_there_too() {
    let servers = Servers::start(3);
    let redlock = waiting(servers.urls(), NEVER).connect().await.unwrap();
    // Not in line any more, and released over the very connection that the waiter has.
    let guard = redlock.lock("a").await.unwrap();
    everywhere(&servers, "a").await;
    let lease = guard.detach();
    let waiter = waiter(&servers, &redlock, "a").await;
    redlock.unlock("a", lease.lease_id()).await.unwrap();
    drop(arrives(waiter).await);
}
