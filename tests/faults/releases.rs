//! Releases that servers refuse for a while.

use std::future::{Future, IntoFuture, poll_fn};
use std::task::Poll;
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
#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_thread_that_blocks_behind_a_dropped_guard_does_not_delay_the_release() {
    block_behind(async |redlock: Redlock| {
        drop(redlock.lock("a").ttl(60 * SECOND).await.unwrap());
    });
}

/// The same for a request: the commands of its round may have been carried out.
#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_thread_that_blocks_behind_a_dropped_request_does_not_delay_the_release() {
    block_behind(async |redlock: Redlock| {
        let mut request = Box::pin(redlock.lock("a").ttl(60 * SECOND).into_future());
        let is_begun = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_pending()));
        assert!(is_begun.await);
        // Nothing polls it while the servers grant the lock.
        tokio::time::sleep(SECOND / 10).await;
        drop(request);
    });
}

/// Lets a task end a lock and then block its thread. Fails if the servers still hold the lock after a
/// while. The test needs a thread of its own: a runtime with a blocked thread may stop altogether.
fn block_behind<E: Future<Output = ()> + Send + 'static>(end: impl FnOnce(Redlock) -> E) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (servers, redlock) = runtime.block_on(fleet(3));
    let (finish, finished) = std::sync::mpsc::channel::<()>();
    let ended = end(redlock.clone());
    let blocking = runtime.spawn(async move {
        ended.await;
        // What no task should do, and some do.
        finished.recv().unwrap_err();
    });
    let start = Instant::now();
    let was_set = || servers.iter().all(|it| it.probe().calls_of("set") > 0);
    while !was_set() && start.elapsed() < SOON {
        thread::sleep(10 * MS);
    }
    thread::sleep(SECOND);
    let (was_set, held) = (was_set(), holding(&servers, "a"));
    drop(finish);
    runtime.block_on(blocking).unwrap();
    assert!(was_set);
    assert!(
        held < 2,
        "{held} servers hold the key after {:?}",
        start.elapsed()
    );
}
