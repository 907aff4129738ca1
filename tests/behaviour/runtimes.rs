//! One manager in several runtimes, and in none.

use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::thread;

use redlock::node::Fault;
use redlock::{InvalidRequest, LockError, LockGuard, LossReason, Redlock};
use tokio::runtime::{Builder, Runtime};

use crate::common::{MS, NODE_TIMEOUT, SECOND, Stopwatch, cluster, holding};

static SHARED: LazyLock<Redlock> = LazyLock::new(|| Redlock::in_memory(3));

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_static_manager_serves_one_runtime_after_another() {
    for _ in 0..3 {
        runtime().block_on(async {
            let guard = SHARED.lock("one after the other").await.unwrap();
            assert!(
                SHARED
                    .try_lock("one after the other")
                    .await
                    .unwrap_err()
                    .is_busy()
            );
            drop(guard);
        });
    }
}

#[test]
fn a_static_manager_serves_several_runtimes_at_once() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                runtime().block_on(async {
                    for _ in 0..20 {
                        let guard = SHARED.lock("at once").wait(60 * SECOND).await.unwrap();
                        assert!(guard.is_held());
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_guard_can_be_dropped_outside_of_any_runtime() {
    let (nodes, redlock) = cluster::<3>();
    let runtime = runtime();
    let guard = runtime.block_on(redlock.lock("a")).unwrap();
    thread::spawn(move || drop(guard)).join().unwrap();
    assert_eq!(holding(&nodes), 0);
}

#[test]
fn a_guard_that_outlives_its_runtime_is_lost() {
    let (nodes, redlock) = cluster::<3>();
    let runtime = runtime();
    let guard = runtime.block_on(redlock.lock("a")).unwrap();
    assert!(guard.is_held());
    drop(runtime);
    assert!(!guard.is_held(), "the lease is no longer extended");
    let lost = self::runtime().block_on(guard.lost());
    assert_eq!(lost.reason(), LossReason::Shutdown);
    assert_eq!(holding(&nodes), 0);
    drop(guard);
}

#[test]
fn a_runtime_with_many_guards_shuts_down() {
    let (nodes, redlock) = cluster::<3>();
    let runtime = runtime();
    let guards: Vec<LockGuard> = runtime.block_on(async {
        let mut guards = Vec::new();
        for number in 0..1000 {
            guards.push(redlock.lock(format!("guard {number}")).await.unwrap());
        }
        guards
    });
    drop(runtime);
    assert!(guards.iter().all(|guard| !guard.is_held()));
    drop(guards);
    assert_eq!(holding(&nodes), 0);
}

#[test]
fn guards_dropped_by_a_runtime_shutdown_are_released() {
    let (nodes, redlock) = cluster::<3>();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for number in 0..50 {
        let redlock = redlock.clone();
        runtime.spawn(async move {
            let _guard = redlock.lock(format!("guard {number}")).await.unwrap();
            std::future::pending::<()>().await;
        });
    }
    thread::sleep(20 * MS);
    runtime.shutdown_timeout(60 * SECOND);
    assert_eq!(holding(&nodes), 0);
}

#[test]
fn shutdown_waits_for_several_runtimes_at_once() {
    let (nodes, redlock) = cluster::<3>();
    let mut paused = Builder::new_current_thread();
    let paused = paused.enable_all().start_paused(true);
    let runtimes = [(); 3].map(|()| paused.build().unwrap());
    for runtime in &runtimes {
        drop(runtime.block_on(redlock.lock("a")).unwrap());
    }
    nodes.iter().for_each(|node| node.fault(Fault::Hang));
    runtimes[0].block_on(async {
        let watch = Stopwatch::start();
        redlock.shutdown().await;
        assert!(watch.elapsed() <= 3 * NODE_TIMEOUT, "{:?}", watch.elapsed());
    });
}

#[test]
fn a_request_outside_of_a_runtime_is_rejected() {
    let redlock = Redlock::in_memory(3);
    let mut request = Box::pin(redlock.lock("a"));
    let polled = request
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    let refused = matches!(
        polled,
        Poll::Ready(Err(LockError::Invalid(InvalidRequest::NoRuntime)))
    );
    assert!(refused);
}

#[test]
fn a_loss_is_awaited_in_one_runtime_after_another() {
    let owner = Builder::new_multi_thread().enable_all().build().unwrap();
    let redlock = Redlock::in_memory(3);
    let guard = owner.block_on(redlock.lock("a")).unwrap();
    let mut work = std::pin::pin!(guard.run(std::future::pending::<()>()));
    for _ in 0..2 {
        let waited = async { tokio::time::timeout(MS, work.as_mut()).await };
        assert!(runtime().block_on(waited).is_err(), "the lock is held");
    }
    owner.block_on(redlock.shutdown());
    let ended = runtime().block_on(work).unwrap_err();
    assert_eq!(ended.reason(), LossReason::Shutdown);
}

/// The runtime that extends the lease does not run while another one notices the loss.
#[test]
fn a_nearer_deadline_is_noticed_in_another_runtime() {
    for is_run in [false, true] {
        let (nodes, redlock) = cluster::<3>();
        let own = runtime();
        let guard = own.block_on(async {
            let request = redlock.lock("a").ttl(500 * MS).auto_extend(false);
            let guard = request.await.unwrap();
            // Only two nodes hold it for longer.
            nodes[0].fault(Fault::Crash);
            guard.extend(30 * SECOND).await.unwrap();
            nodes[0].fault(None);
            guard
        });
        let other = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        other.block_on(async {
            let watch = Stopwatch::start();
            let losing = async {
                tokio::time::sleep(100 * MS).await;
                nodes[1].forget_keys();
                assert!(guard.is_held(), "a quorum holds it for a moment more");
            };
            let lost = async {
                if is_run {
                    return guard.run(std::future::pending::<()>()).await.unwrap_err();
                }
                guard.lost().await
            };
            let (lost, ()) = tokio::join!(lost, losing);
            assert_eq!(lost.reason(), LossReason::Expired);
            // A timer would see it a second after it was set.
            let elapsed = watch.elapsed();
            assert!(elapsed > 100 * MS && elapsed <= 500 * MS, "{elapsed:?}");
        });
    }
}
