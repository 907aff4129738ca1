//! The life of a lock on healthy servers.

use std::time::Duration;

use redlock::node::MemoryNode;
use redlock::{LockError, LockState, ReleaseOutcome, Resource};
use redlock_tests::eventually;

use crate::common::{MS, SECOND, SOON, everywhere, fleet, gone, holding};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_is_a_key_with_the_lease_id_and_an_expiry() {
    let (servers, redlock) = fleet(3).await;
    let guard = redlock.lock("a").ttl(20 * SECOND).await.unwrap();
    everywhere(&servers, "a").await;
    for server in servers.iter() {
        let probe = server.probe();
        assert_eq!(probe.get("a").as_deref(), guard.lease_id().as_str());
        let left = probe.pttl("a").unwrap();
        assert!(left <= 20 * SECOND && left > 10 * SECOND, "{left:?}");
        assert_eq!(
            probe.keys(),
            ["a", "{a}:fence"],
            "the lock and its counter, but nothing else"
        );
    }
    let status = redlock.status("a").await;
    assert_eq!(status.state(), LockState::Held);
    assert_eq!(status.lease_id(), Some(guard.lease_id()));
    let released = guard.release().await.unwrap();
    assert!(released.was_held());
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_is_held_beyond_three_ttls() {
    let (servers, redlock) = fleet(3).await;
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    let mut least = SECOND;
    for _ in 0..40 {
        tokio::time::sleep(100 * MS).await;
        least = least.min(guard.remaining());
        assert!(guard.is_held());
        assert!(redlock.try_lock("a").await.unwrap_err().is_busy());
    }
    assert!(!least.is_zero());
    drop(guard);
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn drop_panic_and_cancel_release_on_every_server() {
    let (servers, redlock) = fleet(5).await;
    // Far beyond the limits below, so a key that is gone was released and did not expire.
    let ttl = 60 * SECOND;

    drop(redlock.lock("a").ttl(ttl).await.unwrap());
    gone(&servers, "a").await;

    let request = redlock.lock("a").ttl(ttl);
    let panicked = tokio::spawn(async move {
        let _guard = request.await.unwrap();
        panic!("in the critical section");
    });
    assert!(panicked.await.unwrap_err().is_panic());
    gone(&servers, "a").await;

    // Each request is dropped at a different point.
    for micros in 0..100 {
        let request = redlock.lock("a").ttl(ttl);
        let _maybe = tokio::time::timeout(Duration::from_micros(10 * micros), request).await;
    }
    gone(&servers, "a").await;
    let _guard = redlock.try_lock("a").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_drop_outside_of_the_runtime_releases() {
    let (servers, redlock) = fleet(3).await;
    let guard = redlock.lock("a").await.unwrap();
    std::thread::spawn(move || drop(guard)).join().unwrap();
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_request_after_a_drop_follows_the_release() {
    let (_servers, redlock) = fleet(5).await;
    for _ in 0..500 {
        drop(redlock.try_lock("a").await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn tasks_exclude_each_other() {
    let (servers, redlock) = fleet(5).await;
    let inside = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (redlock, inside) = (redlock.clone(), std::sync::Arc::clone(&inside));
            tokio::spawn(async move {
                for _ in 0..5 {
                    let guard = redlock.lock("a").wait(60 * SECOND).await.unwrap();
                    let others = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    assert_eq!(others, 0);
                    tokio::time::sleep(2 * MS).await;
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    drop(guard);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn any_bytes_up_to_64_kib_are_a_valid_name() {
    let (_servers, redlock) = fleet(3).await;
    let all: Vec<u8> = (0..=255).collect();
    let names = [
        Resource::from(all),
        vec![0xff; Resource::MAX_LEN].into(),
        "\r\n*1 {}".into(),
    ];
    for name in names {
        let guard = redlock.lock(&name).await.unwrap();
        assert!(redlock.try_lock(&name).await.unwrap_err().is_busy());
        assert!(redlock.status(&name).await.is_held());
        guard.extend(40 * SECOND).await.unwrap();
        assert!(guard.release().await.unwrap().was_held());
        assert_eq!(redlock.status(&name).await.state(), LockState::Free);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_invalid_ttl_never_reaches_a_server() {
    let (servers, redlock) = fleet(3).await;
    let before: u64 = servers
        .iter()
        .map(|server| server.probe().calls_of("set"))
        .sum();
    for ttl in [Duration::ZERO, Duration::from_micros(1), Duration::MAX] {
        let refused = redlock.lock("a").ttl(ttl).await.unwrap_err();
        assert!(
            matches!(refused, LockError::Invalid(_)),
            "{ttl:?}: {refused:?}"
        );
    }
    let after: u64 = servers
        .iter()
        .map(|server| server.probe().calls_of("set"))
        .sum();
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_free_lock_costs_each_server_an_acquire_and_a_release() {
    let (servers, redlock) = fleet(3).await;
    for server in servers.iter() {
        server.probe().reset_calls();
    }
    for _ in 0..10 {
        let guard = redlock.lock("a").await.unwrap();
        // An acquire that is released before it leaves is not sent, so wait until all have arrived.
        everywhere(&servers, "a").await;
        guard.release().await.unwrap();
    }
    redlock.shutdown().await;
    for server in servers.iter() {
        let calls = server.probe().calls();
        let of = |name: &str| calls.get(name).copied().unwrap_or(0);
        // A server has one of these for a release.
        let release = of("evalsha") + of("delifeq") + of("delex");
        assert_eq!((of("set"), of("zadd"), release), (10, 10, 10), "{calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_even_or_small_number_of_servers_works() {
    for n in [1, 2, 4] {
        let (servers, redlock) = fleet(n).await;
        let guard = redlock.lock("a").await.unwrap();
        assert!(redlock.try_lock("a").await.unwrap_err().is_busy(), "{n}");
        drop(guard);
        gone(&servers, "a").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lease_can_be_passed_on_as_text() {
    let (servers, redlock) = fleet(3).await;
    let text = redlock
        .lock("a")
        .ttl(2 * SECOND)
        .await
        .unwrap()
        .detach()
        .to_string();
    let other = redlock::Redlock::connect(servers.urls()).await.unwrap();
    let lease: redlock::Lease = text.parse().unwrap();
    let guard = other
        .adopt(lease.resource(), lease.lease_id())
        .await
        .unwrap();
    tokio::time::sleep(3 * SECOND).await;
    assert!(guard.is_held());
    assert_ne!(guard.lease_id(), lease.lease_id());
    let released = redlock.unlock("a", guard.lease_id()).await.unwrap();
    assert!(released.was_held());
    let deleted = released
        .nodes()
        .iter()
        .any(|it| *it.outcome() == ReleaseOutcome::Deleted);
    assert!(deleted, "{released:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn locks_of_other_libraries_are_respected() {
    let (servers, redlock) = fleet(3).await;
    // The format of redlock-py, txredlock, redsync and node-redlock.
    for server in servers.iter() {
        server.probe().set("a", "their value", Some(30 * SECOND));
    }
    let refused = redlock.try_lock("a").await.unwrap_err();
    assert!(refused.is_busy(), "{refused:?}");
    let left = refused.retry_after().unwrap();
    assert!(left <= 30 * SECOND && left > 10 * SECOND, "{left:?}");
    assert!(redlock.unlock("a", "their value").await.unwrap().was_held());
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn servers_and_nodes_in_memory_can_be_combined() {
    let servers = redlock_tests::Servers::start(1);
    let nodes = MemoryNode::cluster::<2>();
    let redlock = redlock::Redlock::builder()
        .nodes(servers.urls())
        .nodes(nodes.clone())
        .build()
        .unwrap();
    let guard = redlock.lock("a").await.unwrap();
    everywhere(&servers, "a").await;
    assert_eq!(nodes[0].len() + nodes[1].len(), 2);
    drop(guard);
    eventually("released", SOON, || {
        holding(&servers, "a") == 0 && nodes[0].is_empty()
    })
    .await;
}
