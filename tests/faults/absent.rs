//! Waiters that are absent when it is their turn: killed, stopped or cancelled.

use std::time::Instant;

use deadpool_redis::redis;
use deadpool_redis::redis::cmd;
use redlock_tests::{Servers, Worker, eventually};

use crate::common::{MS, SECOND, SOON, form, gone};
use crate::waiters::{
    NEVER, acquired, builder, hold, line_up, listed, manager, nothing_is_left, waiter,
};

const WORKER: &str = env!("CARGO_BIN_EXE_redlock-test-worker");

/// Waits until as many waiters are listed as before another one came.
pub(crate) async fn until_listed(servers: &Servers, waiters: &[usize]) {
    eventually("the waiter has left all lists", SOON, || {
        listed(servers) == waiters
    })
    .await;
}

/// Lets a process wait for `a`.
async fn waiting_process(servers: &Servers) -> Worker {
    line_up(servers, || {
        Worker::hold(WORKER, &servers.urls(), "a", 50 * SECOND)
    })
    .await
}

/// Waits until every server knows that only so many managers can be hinted.
async fn until_hintable(servers: &Servers, managers: usize) {
    let mut channels = cmd("PUBSUB");
    channels.arg("CHANNELS").arg("redlock:wait:*");
    eventually("the servers know who is gone", SOON, || {
        servers.iter().all(|server| {
            let channels: Vec<String> = server.probe().query(&channels);
            channels.len() == managers
        })
    })
    .await;
}

/// Lets several waiters die in line. The one behind them must be the only one that is hinted.
async fn dead_waiters_are_skipped(servers: &Servers) {
    let holder = manager(servers, NEVER).await;
    let guard = hold(servers, &holder).await;
    let mut dead = Vec::new();
    for _ in 0..3 {
        dead.push(waiting_process(servers).await);
    }
    // A runtime that ends takes its connections with it.
    let urls = servers.urls();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    line_up(servers, || {
        runtime.spawn(async move {
            let redlock = builder(urls, NEVER).connect().await.unwrap();
            redlock.lock("a").await
        })
    })
    .await;
    let live = manager(servers, NEVER).await;
    let waiter = waiter(servers, &live).await;
    dead.into_iter().for_each(Worker::kill);
    runtime.shutdown_background();
    until_hintable(servers, 2).await;
    assert!(listed(servers).iter().all(|listed| *listed > 1));
    servers
        .iter()
        .for_each(|server| server.probe().reset_calls());
    drop(guard);
    let guard = acquired(waiter).await;
    for server in servers {
        let hints = server.probe().calls_of("publish");
        assert!(hints <= 1, "{hints} hints, of which one can reach a waiter");
    }
    drop(guard);
    gone(servers, "a").await;
    nothing_is_left(servers).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn waiters_that_were_killed_are_skipped_at_once() {
    let servers = Servers::start(3);
    form(&servers).await;
    dead_waiters_are_skipped(&servers).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_subscriber_of_all_channels_keeps_no_waiter_alive() {
    let servers = Servers::start(3);
    form(&servers).await;
    let clients = servers.urls().into_iter().map(|url| {
        let client = redis::Client::open(url).unwrap();
        client.get_connection().unwrap()
    });
    let mut clients: Vec<_> = clients.collect();
    for client in &mut clients {
        cmd("PSUBSCRIBE").arg("*").exec(client).unwrap();
    }
    dead_waiters_are_skipped(&servers).await;
    drop(clients);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn stopped_waiters_do_not_cost_the_next_one_a_poll() {
    let servers = Servers::start(3);
    form(&servers).await;
    let holder = manager(&servers, NEVER).await;
    let mut guard = hold(&servers, &holder).await;
    let live = manager(&servers, NEVER).await;
    for _ in 0..2 {
        let mut stopped = Vec::new();
        for _ in 0..4 {
            let worker = waiting_process(&servers).await;
            worker.pause();
            stopped.push(worker);
        }
        let waiter = waiter(&servers, &live).await;
        let released = Instant::now();
        drop(guard);
        let next = acquired(waiter).await;
        let waited = released.elapsed();
        // Each of the four costs 12 ms. A manager that polled would wait for minutes. The bound is
        // many times the former, because the machine is busy.
        assert!(waited < SECOND, "{waited:?}");
        println!("behind four stopped waiters: {waited:?}");
        drop(next);
        stopped.into_iter().for_each(Worker::kill);
        until_hintable(&servers, 2).await;
        // Two servers repeat the hint of a release. On the third, some of the four are still listed:
        // the next release skips them, or the list expires.
        drop(hold(&servers, &holder).await);
        gone(&servers, "a").await;
        nothing_is_left(&servers).await;
        guard = hold(&servers, &holder).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_waiter_that_is_cancelled_leaves_all_lists() {
    let servers = Servers::start(3);
    form(&servers).await;
    let holder = manager(&servers, NEVER).await;
    let [one, two] = [
        manager(&servers, NEVER).await,
        manager(&servers, NEVER).await,
    ];
    let mut guard = hold(&servers, &holder).await;
    for _ in 0..5 {
        let kept = waiter(&servers, &two).await;
        // The server that was not waited for may still list it.
        tokio::time::sleep(50 * MS).await;
        let before = listed(&servers);
        let cancelled = waiter(&servers, &one).await;
        cancelled.abort();
        until_listed(&servers, &before).await;
        // One whose time is over leaves, too.
        let late = one.lock("a").wait(100 * MS).await.unwrap_err();
        assert!(late.is_busy(), "{late}");
        until_listed(&servers, &before).await;
        drop(guard);
        let next = acquired(kept).await;
        nothing_is_left(&servers).await;
        drop(next);
        guard = hold(&servers, &holder).await;
    }
    // Cancelled at any time, even before it is listed.
    for pause in 0..30 {
        let request = one.lock("a");
        let waiter = tokio::spawn(request.into_future());
        tokio::time::sleep(MS * pause / 10).await;
        waiter.abort();
    }
    nothing_is_left(&servers).await;
    drop(guard);
}
