//! Servers that lose their data while the holder of a lock is paused.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redlock::node::NodeHealth;
use redlock::{LockError, LockGuard, Redlock};
use redlock_tests::{Proxy, Server, Servers, Worker};

use crate::common::{MS, SECOND, SOON, everywhere, healthy, holding};
use crate::register::{builder, manager};

const WORKER: &str = env!("CARGO_BIN_EXE_redlock-test-worker");

/// The longest ttl, and so the length of a quarantine.
const MAX_TTL: Duration = Duration::from_secs(4);

/// The longest quarantine: the longest ttl and the allowance for drift, rounded up.
const QUARANTINE: Duration = Duration::from_millis(4100);

/// The time in which a request fails that does not wait. A busy machine may need longer than usual.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The numbers of servers, and of those that are a quorum.
const SIZES: [(usize, usize); 2] = [(3, 2), (5, 3)];

/// Waits until the manager has found that this many servers have lost their data.
async fn quarantined(redlock: &Redlock, servers: usize) {
    let start = Instant::now();
    loop {
        let reports = redlock.nodes().await;
        let is_quarantined = |health: &NodeHealth| matches!(health, NodeHealth::Quarantined { .. });
        let count = reports.iter().filter(|it| is_quarantined(&it.health));
        if count.count() == servers {
            return;
        }
        assert!(start.elapsed() < SOON, "{reports:?}");
        tokio::time::sleep(MS).await;
    }
}

/// Checks that the lock is refused at once, and granted once the quarantine of the servers is over,
/// which lost their data after `before`.
async fn assert_kept_out(redlock: &Redlock, before: Instant, lost: usize) -> LockGuard {
    quarantined(redlock, lost).await;
    let start = Instant::now();
    let refused = redlock.try_lock("a").await.unwrap_err();
    let LockError::Quarantined { remaining, .. } = refused else {
        panic!("{refused:?}")
    };
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert!(remaining <= QUARANTINE, "{remaining:?}");
    assert!(
        remaining > MAX_TTL - before.elapsed(),
        "{remaining:?} after {:?}",
        before.elapsed()
    );
    let guard = redlock.lock("a").wait(SOON).await.unwrap();
    assert!(before.elapsed() >= MAX_TTL, "{:?}", before.elapsed());
    guard
}

/// A manager whose only thread is blocked until it is resumed.
struct Paused {
    resume: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl Paused {
    /// Connects, calls `before`, acquires the lock `a`, and then pauses the whole runtime.
    fn hold(urls: Vec<String>, before: impl FnOnce() + Send + 'static) -> Self {
        let (resume, resumed) = mpsc::channel();
        let (sender, paused) = mpsc::channel();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                let builder = Redlock::builder().nodes(urls).max_ttl(MAX_TTL);
                let redlock = builder.ttl(MAX_TTL).connect().await.unwrap();
                healthy(&redlock).await;
                before();
                let guard = redlock.lock("a").await.unwrap();
                tokio::time::sleep(100 * MS).await;
                sender.send(()).unwrap();
                resumed.recv().unwrap();
                guard.is_held()
            })
        });
        paused.recv().unwrap();
        let (resume, thread) = (Some(resume), Some(thread));
        Self { resume, thread }
    }

    /// Resumes the manager. Returns whether it holds the lock when it wakes up.
    fn resume(mut self) -> bool {
        self.resume.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn no_other_holder_while_a_paused_one_may_return() {
    for (nodes, quorum) in SIZES {
        let servers = Servers::start(nodes);
        let others = manager(&servers, MAX_TTL).await;
        let holder = Paused::hold(servers.urls(), || {});
        everywhere(&servers, "a").await;
        let before = Instant::now();
        servers.iter().take(quorum).for_each(Server::restart);
        let _guard = assert_kept_out(&others, before, quorum).await;
        assert!(!holder.resume());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_new_manager_inherits_a_quarantine() {
    for (nodes, quorum) in SIZES {
        let servers = Servers::start(nodes);
        drop(manager(&servers, MAX_TTL).await);
        let holder = Paused::hold(servers.urls(), || {});
        everywhere(&servers, "a").await;
        let before = Instant::now();
        servers.iter().take(quorum).for_each(Server::restart);
        // The first manager that sees the loss.
        let first = builder(&servers, MAX_TTL).connect().await.unwrap();
        let refused = first.try_lock("a").await.unwrap_err();
        assert!(
            matches!(refused, LockError::Quarantined { .. }),
            "{refused:?}"
        );
        drop(first);
        tokio::time::sleep(SECOND).await;
        let second = builder(&servers, MAX_TTL).build().unwrap();
        let _guard = assert_kept_out(&second, before, quorum).await;
        // The quarantine did not begin again.
        assert!(before.elapsed() < 2 * MAX_TTL, "{:?}", before.elapsed());
        assert!(!holder.resume());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_stopped_process_keeps_others_out_after_restarts() {
    for (nodes, quorum) in SIZES {
        let servers = Servers::start(nodes);
        let others = manager(&servers, MAX_TTL).await;
        let mut worker = Worker::hold(WORKER, &servers.urls(), "a", 20 * SECOND);
        assert!(worker.line(SOON).await.unwrap().starts_with("held "));
        everywhere(&servers, "a").await;
        worker.pause();
        servers.iter().take(quorum).for_each(Server::restart);
        quarantined(&others, quorum).await;
        let refused = others.try_lock("a").await.unwrap_err();
        // The worker's longest ttl counts, which is the default.
        assert!(refused.retry_after() > Some(30 * SECOND), "{refused:?}");
        let refused = others.lock("a").wait(SECOND).await.unwrap_err();
        assert!(
            matches!(refused, LockError::Quarantined { .. }),
            "{refused:?}"
        );
    }
}

/// Proxies to all servers. The holder does not reach those beyond a quorum when it acquires its lock,
/// although they are healthy and keep all their data.
fn bare(servers: &Servers, quorum: usize) -> (Arc<[Proxy]>, impl FnOnce() + use<>) {
    let proxies: Arc<[Proxy]> = servers.proxies().into();
    let cut = {
        let proxies = Arc::clone(&proxies);
        move || {
            for proxy in &proxies[quorum..] {
                proxy.refuse();
                proxy.cut();
            }
        }
    };
    (proxies, cut)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_bare_quorum_outlasts_an_empty_restart_while_paused() {
    for (nodes, quorum) in SIZES {
        let servers = Servers::start(nodes);
        let others = manager(&servers, MAX_TTL).await;
        let (proxies, cut) = bare(&servers, quorum);
        let before = Instant::now();
        let holder = Paused::hold(proxies.iter().map(Proxy::url).collect(), cut);
        assert_eq!(holding(&servers, "a"), quorum);
        servers[0].restart();
        proxies.iter().for_each(Proxy::heal);
        let _guard = others.lock("a").wait(SOON).await.unwrap();
        // The holder had the lock for its whole ttl. It may believe that it still has it.
        assert!(before.elapsed() >= MAX_TTL, "{:?}", before.elapsed());
        assert!(!holder.resume());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_bare_quorum_makes_no_second_holder() {
    for (nodes, quorum) in SIZES {
        for extends in [true, false] {
            let servers = Servers::start(nodes);
            let (proxies, cut) = bare(&servers, quorum);
            let builder = Redlock::builder().nodes(proxies.iter().map(Proxy::url));
            let builder = builder.ttl(MAX_TTL).max_ttl(MAX_TTL);
            let holders = builder.connect().await.unwrap();
            healthy(&holders).await;
            let others = manager(&servers, MAX_TTL).await;
            cut();
            let holder = holders.lock("a").auto_extend(extends).await.unwrap();
            assert_eq!(holding(&servers, "a"), quorum);
            servers[0].restart();
            proxies.iter().for_each(Proxy::heal);
            // The holder keeps its lock, or it has lost it before another one acquires it.
            let start = Instant::now();
            while start.elapsed() < MAX_TTL + SECOND {
                if let Ok(second) = others.try_lock("a").await {
                    assert!(
                        !holder.is_held() || !second.is_held(),
                        "two holders: {second:?}"
                    );
                    break;
                }
                tokio::time::sleep(MS).await;
            }
        }
    }
}
