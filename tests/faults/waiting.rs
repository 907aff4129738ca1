//! Waiting for a lock of another owner, with push notifications and by polling.
//!
//! With a retry delay longer than any test, only a notified waiter gets the lock. A waiter that
//! cannot be notified needs a short delay. So the lock itself shows which of the two was at work,
//! not the clock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use redlock::node::RedisNode;
use redlock::{LockGuard, Redlock, RedlockBuilder};
use redlock_tests::{Probe, Proxy, Servers, eventually};
use tokio::task::JoinHandle;

use crate::common::{LONG, MS, SECOND, SOON, everywhere, with_documented_rights};

/// A retry delay far longer than any test, even if jitter halves it.
const NEVER: Duration = Duration::from_secs(600);

/// A retry delay that is short, whatever the jitter.
const OFTEN: Duration = Duration::from_millis(100);

fn waiting(urls: impl IntoIterator<Item = String>, retry_delay: Duration) -> RedlockBuilder {
    let builder = Redlock::builder().nodes(urls).max_ttl(LONG);
    builder.retry_delay(retry_delay).wait(2 * NEVER)
}

/// Sets the key on all servers, as the lock of a client that does not use this library.
fn occupy(servers: &Servers, key: &str) {
    for server in servers {
        server.probe().set(key, "another client", LONG);
    }
}

/// Deletes the key on all servers.
fn free(servers: &Servers, key: &str) {
    for server in servers {
        server.probe().del(key);
    }
}

/// Spawns a request, and waits until a quorum of servers has refused it. The other servers may not
/// have received it yet.
async fn waiter(servers: &Servers, redlock: &Redlock, key: &'static str) -> JoinHandle<LockGuard> {
    for server in servers {
        server.probe().reset_calls();
    }
    let request = redlock.lock(key);
    let waiter = tokio::spawn(async move { request.await.unwrap() });
    let has_polled = |probe: &Probe| probe.calls_of("evalsha") + probe.calls_of("eval") > 0;
    eventually("a quorum of servers has refused", SOON, || {
        let refused = servers.iter().filter(|server| has_polled(&server.probe()));
        refused.count() > servers.len() / 2
    })
    .await;
    assert!(!waiter.is_finished());
    waiter
}

/// Counts the nodes that push notifications.
async fn notifying_nodes(redlock: &Redlock) -> usize {
    let reports = redlock.nodes().await;
    reports.iter().filter(|report| report.notifies).count()
}

/// Lets `redlock` wait for an occupied lock, frees the lock, and expects `redlock` to acquire it.
async fn hand_off(servers: &Servers, redlock: &Redlock) {
    occupy(servers, "a");
    let waiter = waiter(servers, redlock, "a").await;
    free(servers, "a");
    acquired(waiter).await.release().await.unwrap();
}

/// Returns the guard. It must arrive long before a waiter without notifications would poll.
async fn acquired(waiter: JoinHandle<LockGuard>) -> LockGuard {
    let guard = tokio::time::timeout(SOON, waiter).await;
    guard.expect("the waiter was not woken").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn any_end_of_a_lock_wakes_its_waiters() {
    let servers = Servers::start(3);
    let builder = waiting(servers.urls(), NEVER).restart_quarantine(false);
    let redlock = builder.connect().await.unwrap();
    let each = |act: &dyn Fn(Probe)| servers.iter().for_each(|server| act(server.probe()));
    let ends: [(&str, &dyn Fn()); 4] = [
        ("deleted", &|| free(&servers, "a")),
        ("expired", &|| {
            each(&|probe| assert!(probe.pexpire("a", MS)));
        }),
        ("flushed", &|| each(&|probe| probe.flushall())),
        ("overwritten, then deleted", &|| {
            occupy(&servers, "a");
            free(&servers, "a");
        }),
    ];
    for (how, end) in ends {
        occupy(&servers, "a");
        let waiter = waiter(&servers, &redlock, "a").await;
        end();
        let guard = tokio::time::timeout(SOON, waiter).await;
        let guard = guard.unwrap_or_else(|_| panic!("{how}: the waiter was not woken"));
        drop(guard.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn managers_hand_the_lock_to_each_other() {
    let servers = Servers::start(3);
    let first = waiting(servers.urls(), NEVER).connect().await.unwrap();
    let second = waiting(servers.urls(), NEVER).connect().await.unwrap();
    let mut guard = first.lock("a").await.unwrap();
    for number in 0..20 {
        let next = [&second, &first][number % 2];
        let waiter = waiter(&servers, next, "a").await;
        drop(guard);
        guard = acquired(waiter).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn extensions_by_the_holder_do_not_disturb_waiters() {
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
    drop(acquired(waiter).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_silent_minority_does_not_prevent_wakeups() {
    let servers = Servers::start(5);
    let redlock = waiting(servers.urls(), NEVER).connect().await.unwrap();
    occupy(&servers, "a");
    let waiter = waiter(&servers, &redlock, "a").await;
    servers[0].kill();
    servers[1].pause();
    for server in &servers[2..] {
        server.probe().del("a");
    }
    drop(acquired(waiter).await);
    servers[1].resume();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_waiter_polls_again_after_a_reconnect() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    let urls = proxies.iter().map(Proxy::url);
    let redlock = waiting(urls, NEVER).connect().await.unwrap();
    occupy(&servers, "a");
    let waiter = waiter(&servers, &redlock, "a").await;
    for proxy in &proxies {
        proxy.refuse();
        proxy.cut();
    }
    // No notification gets through.
    free(&servers, "a");
    for proxy in &proxies {
        proxy.accept();
    }
    drop(acquired(waiter).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_waiter_polls_when_notifications_are_lost() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    proxies.iter().for_each(Proxy::filter_pushes);
    let urls = proxies.iter().map(Proxy::url);
    let redlock = waiting(urls, OFTEN).connect().await.unwrap();
    hand_off(&servers, &redlock).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_waiter_polls_without_the_rights_to_push() {
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
        hand_off(&servers, &redlock).await;
        // The server executes `HELLO` before it knows the user, so it does not reject it. One node
        // may not have been set up for notifications, because a quorum had responded before.
        if refused != "-hello" {
            assert!(notifying_nodes(&redlock).await < 2, "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_documented_rights_are_enough_for_wakeups() {
    let servers = Servers::start(3);
    let urls = with_documented_rights(&servers);
    let redlock = waiting(urls, NEVER).key_prefix("app:");
    let redlock = redlock.connect().await.unwrap();
    assert_eq!(notifying_nodes(&redlock).await, 3);
    occupy(&servers, "app:a");
    let waiter = waiter(&servers, &redlock, "a").await;
    free(&servers, "app:a");
    drop(acquired(waiter).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_waiter_polls_over_resp2_and_over_pools() {
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
        assert_eq!(notifying_nodes(&redlock).await, 0);
        hand_off(&servers, &redlock).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_idle_waiter_sends_nothing_between_polls() {
    let servers = Servers::start(3);
    let redlock = waiting(servers.urls(), NEVER).connect().await.unwrap();
    occupy(&servers, "a");
    let waiter = waiter(&servers, &redlock, "a").await;
    let polls = || -> Vec<u64> {
        let calls = servers
            .iter()
            .map(|server| server.probe().calls_of("evalsha"));
        calls.collect()
    };
    // The poll of the last server may still be in flight.
    let (start, mut before) = (Instant::now(), Vec::new());
    while before != polls() {
        assert!(
            start.elapsed() < SOON,
            "the waiter does not stop polling: {before:?}"
        );
        before = polls();
        tokio::time::sleep(SECOND).await;
    }
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(polls(), before);
    free(&servers, "a");
    drop(acquired(waiter).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn contenders_that_split_the_vote_make_progress() {
    for (contenders, nodes) in [(3, 3), (4, 4), (6, 5)] {
        let servers = Servers::start(nodes);
        let start = Instant::now();
        static IS_HELD: AtomicBool = AtomicBool::new(false);
        let tasks: Vec<_> = (0..contenders)
            .map(|_| {
                let urls = servers.urls();
                tokio::spawn(async move {
                    // A manager with connections of its own, as processes have.
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
            // Some hundred handoffs take a second. Votes that stay split would never end.
            tokio::time::timeout(6 * SOON, task).await.unwrap().unwrap();
        }
        println!("{contenders} on {nodes}: {:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_release_by_id_wakes_a_waiter_of_the_same_manager() {
    let servers = Servers::start(3);
    let redlock = waiting(servers.urls(), NEVER).connect().await.unwrap();
    // The detached lease has left the queue, and is released over the connection of the waiter.
    let guard = redlock.lock("a").await.unwrap();
    everywhere(&servers, "a").await;
    let lease = guard.detach();
    let waiter = waiter(&servers, &redlock, "a").await;
    redlock.unlock("a", lease.lease_id()).await.unwrap();
    drop(acquired(waiter).await);
}
