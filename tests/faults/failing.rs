//! Servers that die, hang and recover.

use std::time::Instant;

use redlock::{LockError, LossReason, NodeErrorKind, Redlock};
use redlock_tests::{Servers, eventually};

use crate::common::{
    MS, SECOND, SOON, complete, everywhere, fleet, fleet_with_max_ttl, fleet_without_quarantine,
    gone, healthy, holding,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_dead_minority_does_not_affect_locks() {
    let (servers, redlock) = fleet(5).await;
    let held = redlock.lock("held").ttl(SECOND).await.unwrap();
    servers[0].kill();
    servers[1].kill();
    for _ in 0..50 {
        let guard = redlock.try_lock("a").await.unwrap();
        guard.release().await.unwrap();
    }
    tokio::time::sleep(3 * SECOND).await;
    assert!(held.is_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_hung_minority_causes_no_delay() {
    let (servers, redlock) = fleet(5).await;
    let held = redlock.lock("held").ttl(SECOND).await.unwrap();
    servers[0].pause();
    servers[1].pause();
    let start = Instant::now();
    for _ in 0..50 {
        let guard = redlock.try_lock("a").await.unwrap();
        guard.release().await.unwrap();
    }
    // Waiting for the hung nodes would cost each iteration a node timeout of at least a second.
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    tokio::time::sleep(3 * SECOND).await;
    assert!(held.is_held());
    drop(held);
    servers[0].resume();
    servers[1].resume();
    // The stopped servers execute the commands that they had received, and these are undone.
    gone(&servers, "a").await;
    gone(&servers, "held").await;
    healthy(&redlock).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn commands_received_by_a_hung_server_are_undone_later() {
    let (servers, redlock) = fleet(3).await;
    // The server is stopped until the connections are given up. The commands are still in its
    // buffers, so the library has to undo them over new connections.
    servers[0].pause();
    for number in 0..20 {
        drop(
            redlock
                .lock(format!("key {number}"))
                .ttl(60 * SECOND)
                .await
                .unwrap(),
        );
    }
    eventually("the node counts as down", SOON, || {
        let usable = usable_nodes(&redlock);
        !usable[0]
    })
    .await;
    servers[0].resume();
    healthy(&redlock).await;
    let probe = servers[0].probe();
    eventually("only counters are left", SOON, || {
        probe.keys().iter().all(|key| key.ends_with(":fence"))
    })
    .await;
}

/// Whether each node is usable. It blocks, because [`eventually`] takes a synchronous condition.
fn usable_nodes(redlock: &Redlock) -> Vec<bool> {
    let redlock = redlock.clone();
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async move {
            let reports = redlock.nodes().await;
            reports.iter().map(redlock::NodeReport::is_usable).collect()
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_dead_majority_fails_in_bounded_time_with_every_cause() {
    let (servers, redlock) = fleet(5).await;
    for server in &servers[..3] {
        server.kill();
    }
    let (wait, node_timeout) = (SECOND, SECOND);
    let start = Instant::now();
    let refused = redlock.lock("a").wait(wait).await.unwrap_err();
    // Twice the actual bound, because the machine may be busy.
    assert!(
        start.elapsed() < 2 * (wait + node_timeout),
        "{:?}",
        start.elapsed()
    );
    let LockError::NoQuorum {
        granted: 2,
        needed: 3,
        nodes: 5,
        failures,
        ..
    } = &refused
    else {
        panic!("{refused:?}");
    };
    let text = refused.to_string();
    for (failure, server) in failures.iter().zip(servers.iter()) {
        assert_eq!(failure.node(), format!("127.0.0.1:{}", server.port()));
        let kind = failure.error().kind();
        let is_down = matches!(
            kind,
            NodeErrorKind::Unreachable | NodeErrorKind::Disconnected
        );
        assert!(is_down, "{failure}");
        assert!(text.contains(failure.node()), "{text}");
    }
    assert_eq!(failures.len(), 3);
    eventually("released", SOON, || holding(&servers, "a") == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_hung_majority_fails_in_bounded_time() {
    let (servers, redlock) = fleet(3).await;
    servers[0].pause();
    servers[1].pause();
    let start = Instant::now();
    let refused = redlock.lock("a").wait(SECOND).await.unwrap_err();
    assert!(
        start.elapsed() < 2 * (SECOND + SECOND),
        "{:?}",
        start.elapsed()
    );
    assert!(refused.is_unavailable(), "{refused:?}");
    assert_eq!(refused.failures().len(), 2);
    servers[0].resume();
    servers[1].resume();
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_is_lost_by_its_deadline_when_a_majority_fails() {
    let (servers, redlock) = fleet(3).await;
    let guard = redlock.lock("a").ttl(3 * SECOND).await.unwrap();
    servers[0].kill();
    servers[1].pause();
    let before = Instant::now();
    let remaining = guard.remaining();
    let lost = guard.lost().await;
    assert_eq!(lost.reason(), LossReason::Expired);
    assert!(!guard.is_held());
    // A timer may be late on a busy machine, but far less than a ttl.
    assert!(
        before.elapsed() < remaining + SECOND,
        "{:?} of {remaining:?}",
        before.elapsed()
    );
    servers[1].resume();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_server_that_restarts_empty_is_used_again() {
    let (servers, redlock) = fleet_with_max_ttl(3, 4 * SECOND).await;
    let held = redlock.lock("held").ttl(2 * SECOND).await.unwrap();
    everywhere(&servers, "held").await;
    servers[2].restart();
    healthy(&redlock).await;
    // The lease gets the restarted server back.
    complete(&servers, &redlock, held).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_restart_while_idle_causes_no_failure() {
    let (servers, redlock) = fleet_without_quarantine(3).await;
    drop(redlock.lock("a").await.unwrap());
    for server in servers.iter() {
        server.restart();
    }
    // The library notices the end of every connection before the request, so one round is enough.
    tokio::time::sleep(300 * MS).await;
    let guard = redlock.try_lock("a").await.unwrap();
    assert!(guard.is_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_undo_never_overtakes_the_resent_command() {
    // These servers reject `SCRIPT`, so after a restart they do not know the scripts. An undo that
    // waited until its script was sent again would delete the key that was just granted.
    let servers = Servers::start_each((0..3).map(|_| {
        redlock_tests::Server::builder().args(["--rename-command", "SCRIPT", "no-such-command"])
    }));
    let builder = Redlock::builder().nodes(servers.urls());
    let redlock = builder.restart_quarantine(false).connect().await.unwrap();
    drop(redlock.lock("a").await.unwrap());
    for server in servers.iter() {
        server.restart();
    }
    let guard = redlock.lock("a").await.unwrap();
    // A connection whose end is noticed only with a command in flight costs the vote of its node.
    // The nodes that granted the lock must keep it.
    tokio::time::sleep(300 * MS).await;
    assert!(holding(&servers, "a") >= 2);
    assert!(guard.is_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn flushed_scripts_are_sent_again() {
    let (servers, redlock) = fleet(3).await;
    for _ in 0..5 {
        let guard = redlock.lock("a").ttl(5 * SECOND).await.unwrap();
        for server in servers.iter() {
            server.probe().script_flush();
        }
        assert!(redlock.lock("a").wait(MS).await.unwrap_err().is_busy());
        for server in servers.iter() {
            server.probe().script_flush();
        }
        assert!(guard.extend(10 * SECOND).await.unwrap() > 5 * SECOND);
        for server in servers.iter() {
            server.probe().script_flush();
        }
        assert!(guard.release().await.unwrap().was_held());
        assert!(!redlock.status("a").await.is_held());
    }
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn keys_deleted_on_a_quorum_at_once_end_the_lock() {
    let (servers, redlock) = fleet(3).await;
    let guard = redlock.lock("a").ttl(2 * SECOND).await.unwrap();
    everywhere(&servers, "a").await;
    servers[0].probe().flushall();
    everywhere(&servers, "a").await;
    assert!(guard.is_held(), "only one of three lost the key");
    servers[0].probe().del("a");
    servers[1].probe().del("a");
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn new_locks_succeed_during_a_rolling_restart() {
    let (servers, redlock) = fleet_with_max_ttl(3, 2 * SECOND).await;
    for server in servers.iter() {
        server.restart();
        let guard = redlock.lock("a").await.unwrap();
        guard.release().await.unwrap();
        healthy(&redlock).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_manager_can_be_built_before_its_servers_start() {
    let servers = Servers::start(3);
    for server in servers.iter() {
        server.kill();
    }
    let redlock = Redlock::builder().nodes(servers.urls()).build().unwrap();
    assert!(redlock.try_lock("a").await.unwrap_err().is_unavailable());
    let waiter = tokio::spawn(redlock.lock("a").wait(2 * SOON));
    for server in servers.iter() {
        server.restart();
    }
    let _guard = waiter.await.unwrap().unwrap();
}
