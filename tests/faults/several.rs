//! Locks on several resources, and locks with `hold_at_least`, on servers.

use std::sync::atomic::{AtomicU32, Ordering};

use redlock::{Redlock, ReleaseOutcome};
use redlock_tests::eventually;

use crate::common::{MS, SECOND, SOON, everywhere, fleet, gone, holding};

const KEYS: [&str; 3] = ["a", "b", "c"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn several_resources_are_locked_extended_and_released_as_one() {
    let (servers, redlock) = fleet(3).await;
    let earlier = redlock.lock("b").await.unwrap();
    let older = earlier.token();
    earlier.release().await.unwrap();
    let guard = redlock.lock_all(KEYS).ttl(SECOND).await.unwrap();
    assert!(guard.token() > older);
    for key in KEYS {
        everywhere(&servers, key).await;
        let ids = servers.iter().map(|server| server.probe().get(key));
        assert!(ids.eq([(); 3].map(|()| Some(guard.lease_id().to_string()))));
    }
    // Several times the ttl.
    tokio::time::sleep(3 * SECOND).await;
    assert!(guard.is_held());
    guard.release().await.unwrap();
    for key in KEYS {
        gone(&servers, key).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn one_busy_resource_keeps_all_from_being_locked() {
    let (servers, redlock) = fleet(3).await;
    let other = Redlock::connect(servers.urls()).await.unwrap();
    let _guard = other.lock("b").await.unwrap();
    let refused = redlock.lock_all(KEYS).wait(300 * MS).await.unwrap_err();
    assert!(refused.is_busy(), "{refused}");
    assert_eq!(holding(&servers, "a") + holding(&servers, "c"), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn overlapping_sets_of_several_managers_do_not_deadlock() {
    let (servers, _) = fleet(3).await;
    static HOLDERS: AtomicU32 = AtomicU32::new(0);
    let tasks = (0..4).map(|number| {
        let urls = servers.urls();
        tokio::spawn(async move {
            let redlock = Redlock::connect(urls).await.unwrap();
            // Each manager has its own order. All of them contend for "shared".
            let keys = [KEYS[number % 3], KEYS[(number + 1) % 3], "shared"];
            for _ in 0..25 {
                let guard = redlock.lock_all(keys).wait(3 * SOON).await.unwrap();
                assert_eq!(HOLDERS.fetch_add(1, Ordering::SeqCst), 0);
                tokio::task::yield_now().await;
                assert_eq!(HOLDERS.fetch_sub(1, Ordering::SeqCst), 1);
                drop(guard);
            }
            redlock.shutdown().await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for key in ["a", "b", "c", "shared"] {
        gone(&servers, key).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_early_release_keeps_the_keys_until_the_hold_ends() {
    let (servers, redlock) = fleet(3).await;
    let other = Redlock::connect(servers.urls()).await.unwrap();
    let request = redlock.lock("job").hold_at_least(5 * SECOND);
    let guard = request.await.unwrap();
    everywhere(&servers, "job").await;
    let released = guard.release().await.unwrap();
    let outcomes = released.nodes().iter().map(redlock::NodeRelease::outcome);
    let kept = outcomes.filter(|it| **it == ReleaseOutcome::Kept);
    assert!(kept.count() >= 2, "{released:?}");
    assert!(other.try_lock("job").await.unwrap_err().is_busy());
    // Much less than the ttl, which was 30 s.
    eventually("the keys expire", SOON, || holding(&servers, "job") == 0).await;
    let _guard = other.try_lock("job").await.unwrap();
}
