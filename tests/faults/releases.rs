//! Releases that servers refuse for a while.

use std::thread;
use std::time::Instant;

use deadpool_redis::redis;
use redlock::Redlock;
use redlock_tests::{Server, eventually};

use crate::common::{MS, SECOND, SOON, fleet, holding};

/// Releases a lock while two of three servers refuse to, and takes it again once they do not.
async fn refuse_for_a_while(refuse: impl Fn(&Server), relent: impl Fn(&Server)) {
    let (servers, redlock) = fleet(3).await;
    let other = Redlock::connect(servers.urls()).await.unwrap();
    let ttl = 60 * SECOND;
    let guard = redlock.lock("a").ttl(ttl).await.unwrap();
    eventually("all servers hold the key", SOON, || {
        holding(&servers, "a") == 3
    })
    .await;
    servers[..2].iter().for_each(&refuse);
    guard.release().await.unwrap_err();
    tokio::time::sleep(200 * MS).await;
    servers[..2].iter().for_each(relent);
    let start = Instant::now();
    let next = other.lock("a").wait(ttl / 2).await.unwrap();
    assert!(start.elapsed() < ttl / 4, "{:?}", start.elapsed());
    next.release().await.unwrap();
    eventually("no key is left", SOON, || holding(&servers, "a") == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_release_refused_for_want_of_replicas_is_retried() {
    let need = |replicas| {
        move |server: &Server| {
            server.probe().config_set("min-replicas-to-write", replicas);
        }
    };
    refuse_for_a_while(need(1), need(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_release_refused_by_a_busy_server_is_retried() {
    let occupy = |server: &Server| {
        let probe = server.probe();
        probe.config_set("busy-reply-threshold", 1);
        let endless = redis::cmd("EVAL").arg("while true do end").arg(0).clone();
        let script = server.probe();
        thread::spawn(move || script.try_query::<()>(&endless).unwrap_err());
        while probe.try_query::<()>(&redis::cmd("PING")).is_ok() {}
    };
    let free = |server: &Server| {
        let probe = server.probe();
        probe.query::<()>(redis::cmd("SCRIPT").arg("KILL"));
    };
    refuse_for_a_while(occupy, free).await;
}

/// The task of the sessions was woken by a thread that is not free to run it. Another thread does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_thread_that_blocks_behind_a_drop_does_not_delay_the_release() {
    let (servers, redlock) = fleet(3).await;
    let (finish, finished) = std::sync::mpsc::channel::<()>();
    let blocking = tokio::spawn(async move {
        let guard = redlock.lock("a").ttl(60 * SECOND).await.unwrap();
        drop(guard);
        // What no task should do, and some do.
        finished.recv().unwrap_err();
        redlock
    });
    let start = Instant::now();
    eventually("the lock is acquired", SOON, || {
        servers.iter().any(|it| it.probe().calls_of("set") > 0)
    })
    .await;
    tokio::time::sleep(SECOND).await;
    let held = holding(&servers, "a");
    drop(finish);
    blocking.await.unwrap();
    assert!(
        held < 2,
        "{held} servers hold the key after {:?}",
        start.elapsed()
    );
}
