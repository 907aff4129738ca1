//! Locks at the end of a program, of a runtime, and of a manager.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use deadpool_redis::redis;
use redlock::Redlock;
use redlock_tests::{Server, Servers, Worker, eventually};
use tokio::runtime::{Builder, Runtime};

use crate::common::{SECOND, SOON, fleet, form, holding};

const WORKER: &str = env!("CARGO_BIN_EXE_redlock-test-worker");

/// The ways to end that release the lock, on a runtime with several threads and on one with one.
const WAYS: [&str; 12] = [
    "end", "drop", "error", "panic", "task", "returned", "outlives", "thread", "blocking",
    "timeout", "shutdown", "static",
];

/// Ends a process that holds a lock in this way. Its ttl is far longer than a test.
fn end(way: &str, servers: &Servers) {
    let mut worker = Command::new(WORKER);
    let worker = worker.args(["exit", way, &servers.urls().join(","), "a"]);
    let status = worker.stderr(Stdio::null()).status().unwrap();
    let is_failure = way.starts_with("error") || way.starts_with("panic");
    assert_eq!(status.success(), !is_failure, "{way}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_program_that_ends_leaves_no_key() {
    let servers = Servers::start(3);
    form(&servers).await;
    for runtime in ["", "/current"] {
        // With several threads, nothing runs after `shutdown_background`.
        let background = (runtime == "/current").then_some("background");
        for way in WAYS.into_iter().chain(background) {
            for turn in 0..3 {
                end(&format!("{way}{runtime}"), &servers);
                let gone = format!("{way}{runtime}, turn {turn}: the keys are gone");
                eventually(&gone, SOON, || holding(&servers, "a") == 0).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_program_that_exits_at_once_keeps_its_lock_for_the_ttl() {
    let servers = Servers::start(3);
    form(&servers).await;
    // Nothing of the program runs any more.
    end("exit", &servers);
    assert!(holding(&servers, "a") >= 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn cancelled_requests_leave_nothing() {
    let servers = Servers::start(3);
    form(&servers).await;
    let args = ["cancel", &servers.urls().join(","), "1000", "7"].map(OsString::from);
    let rounds: Vec<(u64, u64)> = Worker::spawn(WORKER, args)
        .finish(6 * SOON)
        .await
        .iter()
        .map(|line| {
            let (tasks, memory) = line.split_once(' ').unwrap();
            (tasks.parse().unwrap(), memory.parse().unwrap())
        })
        .collect();
    let [_, _, (tasks, memory), .., (last_tasks, last_memory)] = rounds[..] else {
        panic!("{rounds:?}")
    };
    assert_eq!(tasks, last_tasks);
    // The first rounds warm up: threads and allocator grow by some 7 MiB, now and then later. 16,000
    // requests follow. Half a kilobyte for each would be as much again.
    assert!(last_memory < memory + 8 * 1024, "{rounds:?}");
    let locks = |server: &Server| {
        let keys = server.probe().keys();
        keys.iter().filter(|key| key.starts_with("lock ")).count()
    };
    eventually("the keys are gone", SOON, || {
        servers.iter().all(|server| locks(server) == 0)
    })
    .await;
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_manager_serves_one_runtime_after_the_other() {
    let servers = Servers::start(3);
    let redlock = Redlock::builder().nodes(servers.urls()).build().unwrap();
    current_thread().block_on(form(&servers));
    for runtime in [current_thread, multi_thread] {
        for turn in 0..5 {
            // The runtime ends right after the guard is dropped.
            let locked = runtime().block_on(async {
                let guard = redlock.lock("a").wait(SOON / 4).await?;
                drop(guard);
                Ok::<_, redlock::LockError>(())
            });
            locked.unwrap_or_else(|error| panic!("turn {turn}: {error}"));
        }
    }
}

/// Releases a lock in a runtime that ends while no server can be reached, beside a runtime that has a
/// session, and may be parked.
fn release_unreachable_servers(is_parked: bool) {
    let servers = Servers::start(3);
    current_thread().block_on(form(&servers));
    let proxies: Vec<_> = servers.iter().map(|server| server.proxy()).collect();
    let urls = proxies.iter().map(|proxy| proxy.url());
    let redlock = Redlock::builder().nodes(urls).build().unwrap();
    let parked = is_parked.then(current_thread);
    if let Some(parked) = &parked {
        drop(parked.block_on(redlock.nodes()));
    }
    current_thread().block_on(async {
        let guard = redlock.lock("a").await.unwrap();
        eventually("all servers hold the key", SOON, || {
            holding(&servers, "a") == 3
        })
        .await;
        proxies.iter().for_each(|proxy| proxy.refuse());
        proxies.iter().for_each(|proxy| proxy.cut());
        drop(guard);
    });
    assert_eq!(holding(&servers, "a"), 3, "no release can have arrived");
    proxies.iter().for_each(|proxy| proxy.accept());
    current_thread().block_on(async {
        // Any use of the manager opens a session.
        drop(redlock.nodes().await);
        eventually("the keys are gone", SOON, || holding(&servers, "a") == 0).await;
    });
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn what_a_runtime_could_not_release_is_released_by_the_next() {
    release_unreachable_servers(false);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_parked_runtime_is_not_relied_on_for_the_releases_of_another() {
    release_unreachable_servers(true);
}

/// Returns the number of sessions that a server can hint.
fn listening(server: &Server) -> usize {
    let mut channels = redis::cmd("PUBSUB");
    channels.arg("CHANNELS").arg("redlock:wait:*");
    server.probe().query::<Vec<String>>(&channels).len()
}

/// The connection is kept for the guard. A hint over it would keep a key for a waiter that is gone.
#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_runtime_that_has_ended_is_not_hinted_and_still_releases() {
    let servers = Servers::start(3);
    current_thread().block_on(form(&servers));
    let redlock = Redlock::builder().nodes(servers.urls()).build().unwrap();
    for runtime in [current_thread, multi_thread] {
        let runtime = runtime();
        let guard = runtime.block_on(async {
            let guard = redlock.lock("a").await.unwrap();
            eventually("all servers can hint", SOON, || {
                servers.iter().all(|it| listening(it) == 1)
            })
            .await;
            guard
        });
        drop(runtime);
        current_thread().block_on(async {
            eventually("no server hints", SOON, || {
                servers.iter().all(|it| listening(it) == 0)
            })
            .await;
            // No other session is open.
            drop(guard);
            eventually("the keys are gone", SOON, || holding(&servers, "a") == 0).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn shutdown_waits_for_releases_that_are_sent_twice() {
    let (servers, redlock) = fleet(3).await;
    let mut guards = Vec::new();
    for number in 0..300 {
        guards.push(redlock.lock(format!("lock {number}")).await.unwrap());
    }
    // Without their script, the releases are refused at first.
    servers.iter().for_each(|it| it.probe().script_flush());
    drop(guards);
    redlock.shutdown().await;
    for server in servers.iter() {
        let keys = server.probe().keys();
        let locks = keys.iter().filter(|key| key.starts_with("lock "));
        assert_eq!(locks.count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn shutdown_waits_for_releases_that_are_refused() {
    let (servers, redlock) = fleet(3).await;
    let guard = redlock.lock("a").ttl(60 * SECOND).await.unwrap();
    let need = |replicas| {
        let probes = servers.iter().map(|it| it.probe());
        probes.for_each(|it| it.config_set("min-replicas-to-write", replicas));
    };
    need(1);
    drop(guard);
    tokio::join!(redlock.shutdown(), async {
        tokio::time::sleep(SECOND / 5).await;
        need(0);
    });
    assert_eq!(holding(&servers, "a"), 0);
}
