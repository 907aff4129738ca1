//! Addresses, pools, and the construction of managers.

use std::sync::OnceLock;

use deadpool_redis::{Manager, Pool, Runtime};
use redlock::{ConnectError, RedisNode, Redlock};
use redlock_tests::{Server, Servers};

use crate::common::{SECOND, everywhere, fleet, gone};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn one_server_under_two_addresses_is_rejected() {
    let servers = Servers::start(2);
    let alias = format!("redis://localhost:{}", servers[0].port());
    let urls = [servers.urls(), vec![alias]].concat();
    let refused = Redlock::connect(&urls).await.unwrap_err();
    let ConnectError::SameServer { first, second } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(&**first, format!("127.0.0.1:{}", servers[0].port()));
    assert_eq!(&**second, format!("localhost:{}", servers[0].port()));
    // A manager built without connecting cannot grant a lock twice, as the server grants it once.
    let one = Redlock::builder().nodes(&urls).build().unwrap();
    let guard = one.lock("a").await.unwrap();
    let other = Redlock::builder().nodes(&urls).build().unwrap();
    assert!(other.try_lock("a").await.unwrap_err().is_busy());
    drop(guard);
    gone(&servers, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_unix_socket_is_a_valid_address() {
    let dir = tempfile::tempdir().unwrap();
    let path = |number: usize| dir.path().join(number.to_string());
    let listening = |number| Server::builder().arg("--unixsocket", path(number).display());
    let servers = Servers::start_each((0..3).map(listening));
    let urls: Vec<_> = (0..3)
        .map(|number| format!("redis+unix://{}", path(number).display()))
        .collect();
    let redlock = Redlock::connect(&urls).await.unwrap();
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    everywhere(&servers, "a").await;
    tokio::time::sleep(2 * SECOND).await;
    assert!(guard.is_held(), "the lock is extended over the socket");
    drop(guard);
    gone(&servers, "a").await;
    // A killed server leaves its socket file behind, but no longer listens on it.
    servers[0].kill();
    let guard = redlock.lock("b").await.unwrap();
    assert!(guard.release().await.unwrap().was_held());
    let name = path(0).display().to_string();
    let nodes = redlock.nodes().await;
    let first = nodes.iter().find(|report| *report.node == *name).unwrap();
    assert!(!first.is_usable(), "{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn connecting_needs_a_quorum_and_takes_bounded_time() {
    let servers = Servers::start(3);
    servers[0].kill();
    let _redlock = Redlock::connect(servers.urls()).await.unwrap();
    servers[1].pause();
    let start = std::time::Instant::now();
    let refused = Redlock::connect(servers.urls()).await.unwrap_err();
    assert!(start.elapsed() < 10 * SECOND, "{:?}", start.elapsed());
    let ConnectError::NoQuorum {
        usable: 1,
        needed: 2,
        nodes: 3,
        failures,
    } = &refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(failures.len(), 2, "{refused}");
    servers[1].resume();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn pools_of_the_application_can_be_nodes() {
    let servers = Servers::start(3);
    let pool = |server: &Server| {
        let manager = Manager::new(server.url()).unwrap();
        Pool::builder(manager)
            .max_size(4)
            .runtime(Runtime::Tokio1)
            .build()
            .unwrap()
    };
    let pools: Vec<_> = servers.iter().map(pool).collect();
    let redlock = Redlock::connect(pools.clone()).await.unwrap();
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    assert!(guard.is_held());
    drop(guard);
    gone(&servers, "a").await;
    // The manager keeps no connection of the pool.
    for pool in &pools {
        assert_eq!(pool.status().size, 0);
    }
    let named = RedisNode::from_pool(pools[0].clone(), "first");
    assert_eq!(&*redlock::Node::name(&named), "first");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_static_manager_reconnects_in_every_runtime() {
    static REDLOCK: OnceLock<Redlock> = OnceLock::new();
    // Servers in a static would leave their files, because a static is never dropped.
    let servers = Servers::start(3);
    let redlock =
        || REDLOCK.get_or_init(|| Redlock::builder().nodes(servers.urls()).build().unwrap());
    for round in 0..5 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let guard = redlock().lock("a").await.unwrap();
            assert!(
                redlock().try_lock("a").await.unwrap_err().is_busy(),
                "round {round}"
            );
            guard.release().await.unwrap();
        });
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_guard_that_outlives_its_runtime_is_released_by_another() {
    let servers = Servers::start(3);
    let redlock = Redlock::builder().nodes(servers.urls()).build().unwrap();
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
    };
    let (first, second) = (runtime().unwrap(), runtime().unwrap());
    second.block_on(async { drop(redlock.lock("b").await.unwrap()) });
    let guard = first
        .block_on(redlock.lock("a").ttl(60 * SECOND).into_future())
        .unwrap();
    drop(first);
    assert!(!guard.is_held());
    drop(guard);
    second.block_on(gone(&servers, "a"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn dropping_a_manager_and_its_guards_closes_connections() {
    let (servers, redlock) = fleet(1).await;
    let before = servers[0].probe().clients();
    let guard = redlock.lock("a").await.unwrap();
    drop(redlock);
    assert!(guard.is_held(), "a guard does not need its manager");
    drop(guard);
    gone(&servers, "a").await;
    redlock_tests::eventually("the connection is closed", 20 * SECOND, || {
        servers[0].probe().clients() < before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn databases_of_one_server_are_independent() {
    let servers = Servers::start(1);
    let zero = Redlock::connect(servers.urls()).await.unwrap();
    let one = Redlock::connect([format!("{}/1", servers.urls()[0])])
        .await
        .unwrap();
    let _guard = zero.lock("a").await.unwrap();
    let _other = one.try_lock("a").await.unwrap();
}
