//! Resources that are released by force, on real servers.

use deadpool_redis::redis;
use redlock::{LockState, LossReason, Redlock, ReleaseOutcome, UnlockError};
use redlock_tests::Servers;

use crate::common::{
    LONG, MS, SECOND, SOON, everywhere, fleet, gone, healthy, with_documented_rights,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_without_expiry_is_released_by_force() {
    let (servers, redlock) = fleet(3).await;
    for value in ["", "data", "1"] {
        for server in servers.iter() {
            server.probe().set("a", value, None);
        }
        let broken = redlock.force_release("a").await.unwrap();
        assert_eq!(broken.before().state(), LockState::Held);
        assert_eq!(broken.lease_ids()[0].as_bytes(), value.as_bytes());
        assert!(broken.was_held() && broken.remaining().is_none());
        gone(&servers, "a").await;
        drop(redlock.try_lock("a").await.unwrap());
        gone(&servers, "a").await;
    }
    // One server has kept it, which is in no one's way.
    servers[0].probe().set("a", "data", None);
    let broken = redlock.force_release("a").await.unwrap();
    assert_eq!(broken.before().state(), LockState::Free);
    assert!(broken.was_held());
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_list_is_left_untouched() {
    let (servers, redlock) = fleet(3).await;
    let push = |server: &redlock_tests::Server| {
        let mut push = redis::cmd("RPUSH");
        server.probe().query::<()>(push.arg("a").arg("data"));
    };
    push(&servers[0]);
    let guard = redlock.lock("a").await.unwrap();
    let broken = redlock.force_release("a").await.unwrap();
    assert_eq!(broken.lease_ids(), [guard.lease_id().clone()]);
    assert_eq!(*broken.nodes()[0].outcome(), ReleaseOutcome::NotALock);
    assert_eq!(*broken.nodes()[1].outcome(), ReleaseOutcome::Deleted);
    push(&servers[1]);
    let refused = redlock.force_release("a").await.unwrap_err();
    assert!(
        matches!(refused, UnlockError::NotALock { .. }),
        "{refused:?}"
    );
    for server in &servers[..2] {
        let mut len = redis::cmd("LLEN");
        assert_eq!(server.probe().query::<usize>(len.arg("a")), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_waiter_gets_the_lock_of_a_stuck_holder() {
    let (servers, redlock) = fleet(3).await;
    let stuck = redlock.lock("a").ttl(LONG / 8).await.unwrap();
    everywhere(&servers, "a").await;
    let other = Redlock::connect(servers.urls()).await.unwrap();
    healthy(&other).await;
    let waiting = tokio::spawn(other.lock("a").wait(3 * SOON));
    tokio::time::sleep(SECOND).await;
    assert!(!waiting.is_finished());
    let breaker = Redlock::connect(servers.urls()).await.unwrap();
    let started = std::time::Instant::now();
    let broken = breaker.force_release("a").await.unwrap();
    assert_eq!(broken.lease_ids(), [stuck.lease_id().clone()]);
    let guard = waiting.await.unwrap().unwrap();
    // A fraction of the time until the holder's next extension.
    assert!(started.elapsed() < 5 * SECOND, "{:?}", started.elapsed());
    assert!(guard.token() > stuck.token());
    assert_eq!(stuck.lost().await.reason(), LossReason::Gone);
    everywhere(&servers, "a").await;
    assert!(guard.is_held());
}

/// The holder has never extended its lock: the label has registered it with the servers.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_labelled_holder_notices_at_once() {
    let servers = Servers::start(3);
    let builder = || Redlock::builder().nodes(servers.urls());
    let redlock = builder().label("web 1").connect().await.unwrap();
    let breaker = builder().label("operator").connect().await.unwrap();
    healthy(&redlock).await;
    healthy(&breaker).await;
    let guard = redlock.lock("a").ttl(30 * SECOND).await.unwrap();
    everywhere(&servers, "{a}:holder").await;
    let refused = breaker.try_lock("a").await.unwrap_err();
    assert_eq!(refused.holder(), Some("web 1"), "{refused}");
    let broken = breaker.force_release("a").await.unwrap();
    assert_eq!(broken.label(), Some("web 1"));
    // The first extension is due after 10 s.
    let lost = tokio::time::timeout(5 * SECOND, guard.lost()).await;
    assert_eq!(lost.unwrap().reason(), LossReason::Gone);
    let next = breaker.try_lock("a").await.unwrap();
    assert_eq!(breaker.status("a").await.lease_id(), Some(next.lease_id()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn one_dead_or_hung_server_does_not_stop_it() {
    for is_hung in [false, true] {
        let (servers, redlock) = fleet(3).await;
        let stuck = redlock.lock("a").auto_extend(false).ttl(50 * SECOND);
        let stuck = stuck.await.unwrap();
        everywhere(&servers, "a").await;
        let other = Redlock::connect(servers.urls()).await.unwrap();
        healthy(&other).await;
        if is_hung {
            servers[0].pause();
        } else {
            servers[0].kill();
        }
        let broken = other.force_release("a").await.unwrap();
        assert_eq!(broken.lease_ids(), [stuck.lease_id().clone()]);
        for node in &broken.nodes()[1..] {
            assert_eq!(*node.outcome(), ReleaseOutcome::Deleted);
        }
        let next = other.try_lock("a").await.unwrap();
        assert!(next.token() > stuck.token());
        drop(next);
        if is_hung {
            servers[0].resume();
            gone(&servers, "a").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_documented_rights_suffice_to_release_by_force() {
    let servers = Servers::start(3);
    let builder = Redlock::builder().nodes(with_documented_rights(&servers));
    let redlock = builder
        .key_prefix("app:")
        .label("web 1")
        .connect()
        .await
        .unwrap();
    healthy(&redlock).await;
    let guard = redlock.lock("a").await.unwrap();
    everywhere(&servers, "{app:a}:holder").await;
    for server in servers.iter() {
        let mut reset = redis::cmd("ACL");
        server.probe().query::<()>(reset.arg("LOG").arg("RESET"));
    }
    let broken = redlock.force_release("a").await.unwrap();
    assert!(broken.was_held());
    assert_eq!(broken.label(), Some("web 1"));
    assert_eq!(guard.lost().await.reason(), LossReason::ForceReleased);
    gone(&servers, "app:a").await;
    tokio::time::sleep(100 * MS).await;
    for server in servers.iter() {
        let mut log = redis::cmd("ACL");
        let log: Vec<redis::Value> = server.probe().query(log.arg("LOG"));
        // The right to MGET is optional, and releases of several keys try it.
        let log = log.into_iter().map(|entry| format!("{entry:?}"));
        let log: Vec<String> = log.filter(|entry| !entry.contains("mget")).collect();
        assert!(log.is_empty(), "{log:?}");
    }
}
