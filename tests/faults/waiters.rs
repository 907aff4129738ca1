//! Waiters in line, and the order in which they are served.
//!
//! A waiter with two or more others ahead of it counts on hints alone: only the first two look at the
//! servers. With a retry delay longer than any test, it never polls either. So the lock itself shows
//! that it was hinted.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use redlock::{LockGuard, Redlock, RedlockBuilder};
use redlock_tests::{Servers, eventually};
use tokio::task::JoinHandle;

use crate::common::{LONG, MS, SECOND, SOON, everywhere, form, gone};

/// A retry delay far longer than any test, even if jitter halves it.
pub(crate) const NEVER: Duration = Duration::from_secs(600);

/// A retry delay that is short, whatever the jitter.
pub(crate) const OFTEN: Duration = Duration::from_millis(100);

pub(crate) fn builder(
    urls: impl IntoIterator<Item = String>,
    retry_delay: Duration,
) -> RedlockBuilder {
    let builder = Redlock::builder().nodes(urls).max_ttl(LONG);
    builder.retry_delay(retry_delay).wait(2 * NEVER)
}

/// Connects a manager, and waits until all servers can hint it.
pub(crate) async fn manager(servers: &Servers, retry_delay: Duration) -> Redlock {
    let redlock = builder(servers.urls(), retry_delay)
        .connect()
        .await
        .unwrap();
    until_hinted(&redlock).await;
    redlock
}

/// Waits until all servers can hint a manager.
pub(crate) async fn until_hinted(redlock: &Redlock) {
    let start = Instant::now();
    while !redlock.nodes().await.iter().all(|node| node.hints) {
        assert!(start.elapsed() < SOON, "{:?}", redlock.nodes().await);
        tokio::time::sleep(5 * MS).await;
    }
}

/// The number of waiters for `a` on each server.
pub(crate) fn listed(servers: &Servers) -> Vec<usize> {
    let count = |server: &redlock_tests::Server| {
        server.probe().query::<usize>(cmd("ZCARD").arg("{a}:wait"))
    };
    servers.iter().map(count).collect()
}

/// Starts a waiter for `a`, and returns once it is listed on a quorum of servers.
///
/// A round ends when a quorum has refused it. It may not list its contender on the others.
pub(crate) async fn line_up<T>(servers: &Servers, start: impl FnOnce() -> T) -> T {
    let before = listed(servers);
    let waiter = start();
    let began = Instant::now();
    loop {
        let now = listed(servers);
        let grown = now.iter().zip(&before).filter(|(now, before)| now > before);
        if grown.count() > servers.len() / 2 {
            return waiter;
        }
        assert!(began.elapsed() < SOON, "{now:?} waiters, before {before:?}");
        tokio::time::sleep(MS).await;
    }
}

/// Acquires `a` on every server.
pub(crate) async fn hold(servers: &Servers, holder: &Redlock) -> LockGuard {
    let guard = holder.lock("a").await.unwrap();
    // A waiter could take it on the server that is late, and would wait for it there in vain.
    everywhere(servers, "a").await;
    guard
}

/// Lets a manager wait for `a`.
pub(crate) async fn waiter(servers: &Servers, redlock: &Redlock) -> JoinHandle<LockGuard> {
    let request = redlock.lock("a");
    line_up(servers, || {
        tokio::spawn(async move { request.await.unwrap() })
    })
    .await
}

/// Returns the guard. It must arrive long before a waiter without hints would poll.
pub(crate) async fn acquired(waiter: JoinHandle<LockGuard>) -> LockGuard {
    let guard = tokio::time::timeout(SOON, waiter).await;
    guard.expect("the waiter was not woken").unwrap()
}

/// Waits until the servers keep nothing for waiters.
pub(crate) async fn nothing_is_left(servers: &Servers) {
    eventually("the keys of waiters are gone", SOON, || {
        servers.iter().all(|server| {
            let keys = server.probe().keys();
            let mut rest = keys.iter();
            !rest.any(|key| key.contains(":wait") || key.contains(":next"))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn overlapping_sets_of_many_managers_are_all_served() {
    const KEYS: [&str; 4] = ["a", "b", "c", "d"];
    let servers = Servers::start(3);
    form(&servers).await;
    let held = Arc::new(Mutex::new(HashSet::new()));
    let tasks: Vec<_> = (0..6)
        .map(|number| {
            let (urls, held) = (servers.urls(), Arc::clone(&held));
            tokio::spawn(async move {
                let redlock = builder(urls, OFTEN).connect().await.unwrap();
                // Two or three keys, in an order of its own.
                let mut keys = KEYS.to_vec();
                keys.rotate_left(number % 4);
                keys.truncate(2 + number % 2);
                if number >= 3 {
                    keys.reverse();
                }
                for _ in 0..20 {
                    let guard = redlock.lock_all(keys.clone()).await.unwrap();
                    for key in &keys {
                        assert!(held.lock().unwrap().insert(*key), "{key} is held twice");
                    }
                    tokio::time::sleep(MS).await;
                    held.lock().unwrap().retain(|key| !keys.contains(key));
                    drop(guard);
                }
                redlock.shutdown().await;
            })
        })
        .collect();
    for task in tasks {
        // 120 locks of a few milliseconds each take a second. A deadlock never ends.
        tokio::time::timeout(6 * SOON, task).await.unwrap().unwrap();
    }
    nothing_is_left(&servers).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn managers_are_served_in_the_order_in_which_they_began_to_wait() {
    const ATTEMPTS: usize = 5;
    let servers = Servers::start(3);
    form(&servers).await;
    let holder = manager(&servers, NEVER).await;
    let mut managers = Vec::new();
    for _ in 0..6 {
        managers.push(manager(&servers, NEVER).await);
    }
    let mut in_order = 0;
    for attempt in 0..ATTEMPTS {
        let guard = hold(&servers, &holder).await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut waiters = Vec::new();
        for (number, redlock) in managers.iter().enumerate() {
            let (request, served) = (redlock.lock("a"), Arc::clone(&served));
            let work = async move {
                let guard = request.await.unwrap();
                served.lock().unwrap().push(number);
                tokio::time::sleep(5 * MS).await;
                drop(guard);
            };
            waiters.push(line_up(&servers, || tokio::spawn(work)).await);
        }
        drop(guard);
        for waiter in waiters {
            tokio::time::timeout(SOON, waiter).await.unwrap().unwrap();
        }
        let served = served.lock().unwrap().clone();
        println!("attempt {attempt}: {served:?}");
        in_order += usize::from(served == [0, 1, 2, 3, 4, 5]);
        gone(&servers, "a").await;
        nothing_is_left(&servers).await;
        managers.rotate_left(1);
    }
    // A waiter that does not run for 10 ms is overtaken, and the machine is busy. Waiters that are
    // served in no order would almost never be in this one twice: it is one of 720.
    assert!(in_order >= 2, "{in_order} of {ATTEMPTS} in order");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_foreign_release_wakes_a_line_of_waiters() {
    let servers = Servers::start(3);
    form(&servers).await;
    let mut managers = Vec::new();
    for _ in 0..5 {
        managers.push(manager(&servers, 60 * SECOND).await);
    }
    for _ in 0..3 {
        for server in &servers {
            let mut set = cmd("SET");
            set.arg("a")
                .arg("another client")
                .arg(&["NX", "PX", "120000"]);
            server.probe().query::<()>(&set);
        }
        static IS_HELD: AtomicBool = AtomicBool::new(false);
        let mut waiters = Vec::new();
        for redlock in &managers {
            let request = redlock.lock("a");
            let work = async move {
                let guard = request.await.unwrap();
                assert!(!IS_HELD.swap(true, Ordering::SeqCst));
                tokio::time::sleep(5 * MS).await;
                assert!(IS_HELD.swap(false, Ordering::SeqCst));
                drop(guard);
            };
            waiters.push(line_up(&servers, || tokio::spawn(work)).await);
        }
        // The first two look after 20 ms.
        tokio::time::sleep(100 * MS).await;
        let freed = Instant::now();
        servers.at_once(|server| assert!(server.probe().del("a")));
        for waiter in waiters {
            tokio::time::timeout(SOON, waiter).await.unwrap().unwrap();
        }
        println!("five waiters in {:?}", freed.elapsed());
        nothing_is_left(&servers).await;
    }
}
