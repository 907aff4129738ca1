//! Servers that reject requests.

use deadpool_redis::redis;
use redlock::node::{NodeHealth, NodeWarning};
use redlock::{ConnectError, LockError, LockState, NodeErrorKind, Redlock};
use redlock_tests::{Server, Servers, eventually};

use crate::common::{
    MS, SECOND, SOON, complete, fleet, gone, healthy, limited, with_documented_rights,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_wrong_password_is_reported_but_not_shown() {
    let servers = Servers::start_each((0..3).map(|_| Server::builder().password("correct-horse")));
    let right = Redlock::connect(servers.urls()).await.unwrap();
    drop(right.lock("a").await.unwrap());

    let wrong: Vec<_> = servers
        .iter()
        .map(|server| format!("redis://:battery-staple@127.0.0.1:{}", server.port()))
        .collect();
    let refused = Redlock::connect(&wrong).await.unwrap_err();
    let ConnectError::NoQuorum { failures, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(failures.len(), 3);
    assert_eq!(
        failures[0].error().kind(),
        NodeErrorKind::Authentication,
        "{refused}"
    );
    let lazy = Redlock::builder().nodes(&wrong).build().unwrap();
    let lock_refused = lazy.lock("a").wait(MS).await.unwrap_err();
    assert!(lock_refused.is_unavailable());
    let shown = [
        format!("{refused} {refused:?} {refused:#?}"),
        format!("{lock_refused} {lock_refused:?} {lock_refused:#?}"),
        format!("{lazy:?} {lazy:#?} {:?}", Redlock::builder().nodes(&wrong)),
        format!("{:?} {:?}", lazy.nodes().await, lazy.status("a").await),
        format!("{right:?} {right:#?}"),
    ];
    for text in shown {
        assert!(
            !text.contains("battery-staple") && !text.contains("correct-horse"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_missing_password_is_an_authentication_failure() {
    let servers = Servers::start_each((0..3).map(|_| Server::builder().password("correct-horse")));
    let urls = servers
        .iter()
        .map(|server| format!("redis://127.0.0.1:{}", server.port()));
    let redlock = Redlock::builder().nodes(urls).build().unwrap();
    let refused = redlock.lock("a").wait(MS).await.unwrap_err();
    for failure in refused.failures() {
        assert_eq!(
            failure.error().kind(),
            NodeErrorKind::Authentication,
            "{failure}"
        );
    }
    assert_eq!(refused.failures().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_of_another_type_is_not_a_lock_and_is_left_alone() {
    let (servers, redlock) = fleet(3).await;
    for server in servers.iter() {
        let push = redis::cmd("RPUSH").arg("a").arg("data").clone();
        let _length: i64 = server.probe().query(&push);
    }
    let start = std::time::Instant::now();
    let refused = redlock.lock("a").wait(60 * SECOND).await.unwrap_err();
    assert!(matches!(refused, LockError::NotALock { .. }), "{refused:?}");
    let status = redlock.status("a").await;
    assert_eq!(status.state(), LockState::NotALock);
    assert!(
        start.elapsed() < 30 * SECOND,
        "the request fails before the end of its wait"
    );
    assert!(!redlock.unlock("a", "data").await.unwrap().was_held());
    assert!(redlock.adopt("a", "data").await.is_err());
    for server in servers.iter() {
        let length: i64 = server.probe().query(redis::cmd("LLEN").arg("a"));
        assert_eq!(length, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_of_another_type_on_a_minority_is_ignored() {
    let (servers, redlock) = fleet(3).await;
    let push = redis::cmd("RPUSH").arg("a").arg("data").clone();
    let _length: i64 = servers[0].probe().query(&push);
    let guard = redlock.lock("a").await.unwrap();
    assert!(guard.release().await.unwrap().was_held());
    assert!(servers[0].probe().exists("a"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_full_server_refuses_new_locks_and_keeps_old_ones() {
    let (servers, redlock) = fleet(3).await;
    let held = redlock.lock("held").ttl(2 * SECOND).await.unwrap();
    for server in servers.iter() {
        server.probe().config_set("maxmemory", 1);
    }
    let refused = redlock.lock("a").wait(MS).await.unwrap_err();
    let LockError::NoQuorum { failures, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        failures[0].error().kind(),
        NodeErrorKind::OutOfMemory,
        "{refused}"
    );
    tokio::time::sleep(4 * SECOND).await;
    assert!(held.is_held(), "an extension needs no memory");
    assert!(held.release().await.unwrap().was_held());
    gone(&servers, "held").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_replica_has_no_vote() {
    let (servers, redlock) = fleet(3).await;
    let port = servers[0].port().to_string();
    for server in &servers[1..] {
        let follow = redis::cmd("REPLICAOF").arg("127.0.0.1").arg(&port).clone();
        server.probe().query::<()>(&follow);
    }
    let refused = redlock.lock("a").wait(MS).await.unwrap_err();
    let LockError::NoQuorum { failures, .. } = &refused else {
        panic!("{refused:?}")
    };
    let kinds: Vec<_> = failures.iter().map(|it| it.error().kind()).collect();
    assert_eq!(kinds, [NodeErrorKind::ReadOnly; 2], "{refused}");
    let fresh = Redlock::builder().nodes(servers.urls()).build().unwrap();
    let reports = fresh.nodes().await;
    assert!(reports[0].is_usable());
    for report in &reports[1..] {
        let NodeHealth::Down(cause) = &report.health else {
            panic!("{report:?}")
        };
        assert_eq!(cause.kind(), NodeErrorKind::ReadOnly);
        assert!(cause.to_string().contains("replica"), "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_demoted_server_is_used_again_once_it_is_a_master() {
    let (servers, redlock) = fleet(3).await;
    let master = Server::start();
    let held = redlock.lock("held").ttl(4 * SECOND).await.unwrap();
    let port = master.port().to_string();
    let replicate = redis::cmd("REPLICAOF").arg("127.0.0.1").arg(&port).clone();
    servers[0].probe().query::<()>(&replicate);
    // The first write finds out, and the others form a quorum.
    drop(redlock.lock("a").await.unwrap());
    eventually("the replica has left", SOON, || {
        servers[0].probe().keys().is_empty()
    })
    .await;
    let promote = redis::cmd("REPLICAOF").arg("NO").arg("ONE").clone();
    servers[0].probe().query::<()>(&promote);
    complete(&servers, &redlock, held).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn reconnects_to_a_replica_that_hides_its_role_back_off() {
    let servers = Servers::start(3);
    let urls = limited(&servers, &["-info"]);
    let builder = Redlock::builder().nodes(urls).restart_quarantine(false);
    let redlock = builder.connect().await.unwrap();
    let guard = redlock.lock("a").ttl(4 * SECOND).await.unwrap();
    let port = servers[1].port().to_string();
    let replicate = redis::cmd("REPLICAOF").arg("127.0.0.1").arg(port).clone();
    let connects = || servers[0].probe().calls_of("hello");
    servers[0].probe().query::<()>(&replicate);
    let before = connects();
    // Every connection brings an extension with it, which finds the replica.
    eventually("three reconnects", SOON, || connects() >= before + 3).await;
    tokio::time::sleep(3 * SECOND).await;
    // About one a second by now. Without a pause, there were a hundred.
    let reconnects = connects() - before;
    assert!(reconnects < 30, "{reconnects}");
    assert!(guard.is_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_missing_right_is_named_in_the_error() {
    let servers = Servers::start(3);
    let urls = limited(&servers, &["-set", "-info"]);
    let builder = Redlock::builder().nodes(urls);
    let redlock = builder.clone().restart_quarantine(false).build().unwrap();
    let refused = redlock.lock("a").wait(MS).await.unwrap_err();
    let failure = &refused.failures()[0];
    assert_eq!(
        failure.error().kind(),
        NodeErrorKind::Permission,
        "{refused}"
    );
    assert!(failure.to_string().contains("set"), "{failure}");
    // A missing right to `INFO` is reported as a warning, not as a failure.
    assert_eq!(redlock.nodes().await[0].warnings, [NodeWarning::Unverified]);
    // The identity record cannot be written either.
    let refused = builder.connect().await.unwrap_err();
    assert!(refused.to_string().contains("set"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_documented_rights_are_enough_to_lock() {
    let servers = Servers::start(3);
    let urls = with_documented_rights(&servers);
    let redlock = Redlock::builder()
        .nodes(urls)
        .key_prefix("app:")
        .connect()
        .await
        .unwrap();
    healthy(&redlock).await;
    let reports = redlock.nodes().await;
    assert!(
        reports.iter().all(|it| it.warnings.is_empty()),
        "{reports:?}"
    );
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    assert!(
        redlock
            .lock("a")
            .wait(300 * MS)
            .await
            .unwrap_err()
            .is_busy()
    );
    tokio::time::sleep(2 * SECOND).await;
    assert!(guard.is_held());
    assert!(redlock.status("a").await.is_held());
    assert!(guard.release().await.unwrap().was_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_documented_rights_show_that_a_server_is_durable() {
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    let servers = Servers::start_each((0..3).map(|_| Server::builder().args(durable)));
    let urls = with_documented_rights(&servers);
    let redlock = Redlock::builder().nodes(urls).key_prefix("app:");
    let redlock = redlock.connect().await.unwrap();
    healthy(&redlock).await;
    for server in &servers {
        let record: String = server
            .probe()
            .query(redis::cmd("GET").arg("app:redlock:node"));
        assert!(record.contains(" durable=yes "), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_eviction_policy_is_reported() {
    let servers = Servers::start_each(
        (0..1).map(|_| Server::builder().arg("--maxmemory-policy", "allkeys-lru")),
    );
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    let reports = redlock.nodes().await;
    assert_eq!(
        reports[0].warnings,
        [NodeWarning::Eviction("allkeys-lru".into())]
    );
    let server = reports[0].server.as_deref().unwrap();
    assert!(
        server.starts_with("redis ") || server.starts_with("valkey "),
        "{server}"
    );
}
