//! The duration and the outcome of a wait.

use std::future::IntoFuture;
use std::time::Duration;

use redlock::Redlock;
use redlock::node::Fault;

use crate::common::{MS, NODE_TIMEOUT, SECOND, Stopwatch, cluster, manager};

#[tokio::test(start_paused = true)]
async fn a_waiting_request_gets_the_lock_when_it_is_free() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").await.unwrap();
    let waiter = tokio::spawn(redlock.lock("a"));
    tokio::time::sleep(SECOND).await;
    assert!(!waiter.is_finished());
    drop(guard);
    let watch = Stopwatch::start();
    let _second = waiter.await.unwrap().unwrap();
    // At most one retry delay.
    assert!(watch.elapsed() <= 200 * MS, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_request_gives_up_after_its_wait_and_not_before() {
    let redlock = Redlock::in_memory(3);
    let _guard = redlock.lock("a").await.unwrap();
    for wait in [Duration::ZERO, 50 * MS, 3 * SECOND] {
        let watch = Stopwatch::start();
        assert!(redlock.lock("a").wait(wait).await.unwrap_err().is_busy());
        assert!(watch.elapsed() >= wait, "{:?}", watch.elapsed());
        assert!(
            watch.elapsed() <= wait + NODE_TIMEOUT,
            "{:?}",
            watch.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_round_is_at_the_end_of_the_wait() {
    let (nodes, redlock) = cluster::<3>();
    let guard = manager(&nodes)
        .lock("a")
        .auto_extend(false)
        .ttl(SECOND)
        .await
        .unwrap();
    // The lock expires one millisecond before the wait is over.
    let second = redlock.lock("a").wait(SECOND + MS).await.unwrap();
    assert!(second.is_held() && !guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn try_lock_is_one_round() {
    let redlock = Redlock::in_memory(3);
    let _guard = redlock.lock("a").await.unwrap();
    let watch = Stopwatch::start();
    assert!(redlock.try_lock("a").await.unwrap_err().is_busy());
    assert!(redlock.lock("a").no_wait().await.unwrap_err().is_busy());
    assert_eq!(watch.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_range_of_the_clock_never_ends() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").await.unwrap();
    let waiter = tokio::spawn(redlock.lock("a").wait(Duration::MAX));
    tokio::time::sleep(3600 * SECOND).await;
    assert!(!waiter.is_finished());
    drop(guard);
    let _second = waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_expired_lock_can_be_acquired() {
    let (nodes, redlock) = cluster::<3>();
    let lease = redlock.lock("a").ttl(5 * SECOND).await.unwrap().detach();
    let watch = Stopwatch::start();
    let guard = manager(&nodes).lock("a").wait(10 * SECOND).await.unwrap();
    assert!(
        watch.elapsed() >= 5 * SECOND,
        "not before the ttl: {:?}",
        watch.elapsed()
    );
    assert!(
        watch.elapsed() <= 5 * SECOND + 200 * MS,
        "{:?}",
        watch.elapsed()
    );
    assert_ne!(guard.lease_id(), lease.lease_id());
}

#[tokio::test(start_paused = true)]
async fn nodes_that_recover_are_used_within_the_wait() {
    let (nodes, redlock) = cluster::<3>();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Crash);
    let waiter = tokio::spawn(redlock.lock("a"));
    tokio::time::sleep(3 * SECOND).await;
    nodes[0].fault(None);
    let _guard = waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn failing_nodes_are_not_polled_in_a_tight_loop() {
    let (nodes, _) = cluster::<3>();
    nodes.iter().for_each(|node| node.fault(Fault::Crash));
    let redlock = Redlock::builder()
        .nodes(nodes)
        .retry_delay(Duration::ZERO)
        .build()
        .unwrap();
    // On paused time the request never ends unless it sleeps between the rounds.
    let refused = redlock.lock("a").wait(50 * MS).await.unwrap_err();
    assert!(refused.is_unavailable());
}

#[tokio::test(start_paused = true)]
async fn many_tasks_acquire_one_lock_in_turn() {
    let redlock = Redlock::in_memory(5);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let redlock = redlock.clone();
            tokio::spawn(async move {
                let guard = redlock.lock("a").wait(3600 * SECOND).await.unwrap();
                tokio::time::sleep(10 * MS).await;
                assert!(guard.is_held());
                guard.release().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_delay_beyond_the_range_of_the_clock_is_no_tight_loop() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    // The first two in line also watch the end of the lease. The third counts on hints.
    let mut waiters = Vec::new();
    for _ in 0..3 {
        let redlock = Redlock::builder().nodes(nodes.clone());
        let redlock = redlock.retry_delay(Duration::MAX).build().unwrap();
        waiters.push(tokio::spawn(
            redlock.lock("a").wait(60 * SECOND).into_future(),
        ));
        tokio::time::sleep(10 * MS).await;
    }
    // On paused time this never ends unless all of them sleep.
    tokio::time::sleep(20 * SECOND).await;
    drop(guard);
    for waiter in waiters {
        drop(waiter.await.unwrap().unwrap());
    }
}
