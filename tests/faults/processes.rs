//! Owners in different processes.

use std::fs;

use redlock::Redlock;
use redlock_tests::{Servers, Worker, eventually};

use crate::common::{MS, SECOND, SOON, form, holding};

const WORKER: &str = env!("CARGO_BIN_EXE_redlock-test-worker");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn processes_exclude_each_other() {
    let servers = Servers::start(5);
    form(&servers).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let workers: Vec<_> = (0..4)
        .map(|_| Worker::contend(WORKER, &servers.urls(), "a", 25, &file))
        .collect();
    // A node dies and another hangs while they work.
    tokio::time::sleep(300 * MS).await;
    servers[0].kill();
    servers[1].pause();
    for worker in workers {
        let lines = worker.finish(6 * SOON).await;
        assert_eq!(lines, ["done 25"]);
    }
    servers[1].resume();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.split(' ').next(), Some("100"), "no update was lost");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn forked_processes_exclude_each_other() {
    let servers = Servers::start(5);
    form(&servers).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let worker = Worker::fork(WORKER, &servers.urls(), "a", (24, 5), &file);
    worker.finish(6 * SOON).await;
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.split(' ').next(), Some("125"), "no update was lost");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_lock_of_a_killed_process_expires_with_its_ttl() {
    let servers = Servers::start(3);
    let mut worker = Worker::hold(WORKER, &servers.urls(), "a", 2 * SECOND);
    let line = worker.line(SOON).await.unwrap();
    assert!(line.starts_with("held "), "{line}");
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    // The live process extends its lock beyond the ttl.
    tokio::time::sleep(3 * SECOND).await;
    assert!(redlock.try_lock("a").await.unwrap_err().is_busy());
    worker.kill();
    assert!(
        redlock.try_lock("a").await.unwrap_err().is_busy(),
        "the ttl has not passed"
    );
    let _guard = redlock.lock("a").wait(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_process_stopped_beyond_its_ttl_notices_the_loss() {
    let servers = Servers::start(3);
    let mut worker = Worker::hold(WORKER, &servers.urls(), "a", SECOND);
    assert!(worker.line(SOON).await.unwrap().starts_with("held "));
    worker.pause();
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    let guard = redlock.lock("a").wait(SOON).await.unwrap();
    worker.resume();
    assert_eq!(worker.line(SOON).await.as_deref(), Some("lost"));
    // Its late release does not touch the key of the next owner.
    tokio::time::sleep(SECOND).await;
    assert!(guard.is_held());
    eventually("the key is on every server", SOON, || {
        holding(&servers, "a") == 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_process_that_releases_lets_others_in_at_once() {
    let servers = Servers::start(3);
    let mut worker = Worker::hold(WORKER, &servers.urls(), "a", 60 * SECOND);
    assert!(worker.line(SOON).await.unwrap().starts_with("held "));
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    worker.let_go();
    let _guard = redlock.lock("a").wait(SOON).await.unwrap();
    assert_eq!(worker.finish(SOON).await, ["released"]);
}
