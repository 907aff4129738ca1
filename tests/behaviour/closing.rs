//! The end of a manager: `shutdown` at any moment, and `close` once its guards are gone.

use std::thread;
use std::time::Duration;

use redlock::{Fault, LockError, LockGuard, LossReason, Redlock};
use tokio::runtime::Builder;

use crate::common::{MS, SECOND, Stopwatch, TTL, cluster, holding, manager, settle};

/// Each shutdown falls into another moment of the extensions, which another thread sends.
#[test]
fn shutdown_ends_every_guard_at_any_moment() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for round in 0..SHUTDOWNS {
        let (nodes, _) = cluster::<3>();
        let builder = Redlock::builder().nodes(nodes.iter().cloned());
        let redlock = builder.ttl(60 * MS).build().unwrap();
        let guards: Vec<LockGuard> = runtime.block_on(async {
            let mut guards = Vec::new();
            for number in 0..300 {
                guards.push(redlock.lock(format!("lock {number}")).await.unwrap());
            }
            guards
        });
        thread::sleep(Duration::from_micros(1_000 + round * 137 % 20_000));
        runtime.block_on(redlock.shutdown());
        let held = guards.iter().filter(|guard| guard.is_held()).count();
        assert_eq!((held, holding(&nodes)), (0, 0), "round {round}");
    }
}

/// Enough to meet the gap of a lease whose timer is being handled many times.
const SHUTDOWNS: u64 = 50;

#[tokio::test(start_paused = true)]
async fn a_manager_closes_once_its_guards_are_gone() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let waiting = tokio::spawn(redlock.lock("a").wait(10 * TTL));
    settle().await;
    let closing = tokio::spawn({
        let redlock = redlock.clone();
        async move { redlock.close(10 * TTL).await }
    });
    settle().await;
    assert!(matches!(redlock.lock("b").await, Err(LockError::Closed)));
    assert!(matches!(
        redlock.try_lock("b").await,
        Err(LockError::Closed)
    ));
    let lease = manager(&nodes).lock("c").await.unwrap().detach();
    let adopted = redlock.adopt_lease(&lease).await;
    assert!(matches!(adopted, Err(LockError::Closed)), "{adopted:?}");
    assert!(matches!(waiting.await.unwrap(), Err(LockError::Closed)));
    // The guard is extended meanwhile.
    tokio::time::sleep(5 * TTL).await;
    assert!(guard.is_held() && !closing.is_finished());
    drop(guard);
    assert_eq!(closing.await.unwrap().guards_lost(), 0);
    assert_eq!(holding(&nodes), 0);
}

/// Its extensions are under way, so shutdown cannot know it yet.
#[tokio::test(start_paused = true)]
async fn an_adoption_that_meets_the_end_leaves_its_lease_alone() {
    for shuts_down in [true, false] {
        let (nodes, redlock) = cluster::<3>();
        let lease = manager(&nodes).lock("a").await.unwrap().detach();
        let delay = |delay| nodes.iter().for_each(|it| it.fault(Fault::Delay(delay)));
        delay(200 * MS);
        let adopting = tokio::spawn({
            let (redlock, lease) = (redlock.clone(), lease.clone());
            async move { redlock.adopt_lease(&lease).await }
        });
        settle().await;
        if shuts_down {
            redlock.shutdown().await;
        } else {
            assert_eq!(redlock.close(SECOND).await.guards_lost(), 0);
        }
        let adopted = adopting.await.unwrap();
        assert!(matches!(adopted, Err(LockError::Closed)), "{adopted:?}");
        // The keys get their former id back.
        tokio::time::sleep(SECOND).await;
        delay(Duration::ZERO);
        let other = manager(&nodes);
        let guard = other.adopt_lease(&lease).await.unwrap();
        assert!(guard.release().await.unwrap().was_held());
    }
}

#[tokio::test(start_paused = true)]
async fn guards_that_outlast_the_time_to_close_are_lost() {
    let (nodes, redlock) = cluster::<3>();
    let guards = [
        redlock.lock("a").await.unwrap(),
        redlock.lock("b").await.unwrap(),
    ];
    let watch = Stopwatch::start();
    let drained = redlock.close(SECOND).await;
    assert_eq!((drained.guards_lost(), watch.elapsed()), (2, SECOND));
    for guard in &guards {
        assert_eq!(guard.lost().await.reason(), LossReason::Shutdown);
    }
    assert_eq!(holding(&nodes), 0);
    // Closing again has nothing left to do.
    assert_eq!(redlock.close(Duration::MAX).await.guards_lost(), 0);
}

#[tokio::test(start_paused = true)]
async fn closing_that_is_cancelled_leaves_guards_held() {
    let (_nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let closing = tokio::time::timeout(SECOND, redlock.close(Duration::MAX));
    assert!(closing.await.is_err());
    tokio::time::sleep(2 * TTL).await;
    assert!(guard.is_held());
    assert!(matches!(redlock.lock("b").await, Err(LockError::Closed)));
}
