//! Deployments that are formed on new servers, and managers that start beside a quarantine.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redlock::Redlock;
use redlock::node::NodeHealth;
use redlock_tests::{Server, Servers};

use crate::common::{MS, SECOND, SOON, everywhere, gone, healthy};
use crate::register::{builder, manager};

/// The fields of the identity record of each server.
fn records(servers: &Servers, field: &str) -> BTreeSet<Option<String>> {
    let read = |server: &Server| {
        let record = server.probe().get("redlock:node")?;
        let mut fields = record.split(' ');
        fields.find_map(|it| it.strip_prefix(field)?.strip_prefix('=').map(String::from))
    };
    servers.iter().map(read).collect()
}

/// Starts many managers at once on new servers. Returns when all of them had a lock.
async fn start_at_once(nodes: usize, managers: usize) {
    let servers = Servers::start(nodes);
    let start = Instant::now();
    let tasks: Vec<_> = (0..managers)
        .map(|index| {
            let redlock = Redlock::builder().nodes(servers.urls()).build().unwrap();
            tokio::spawn(async move {
                let name = index.to_string();
                let guard = redlock.lock(name).wait(3 * SOON).await.unwrap();
                assert!(guard.is_held());
                (start.elapsed(), redlock)
            })
        })
        .collect();
    let mut starting = Vec::new();
    let mut locked = Duration::ZERO;
    for task in tasks {
        let (elapsed, redlock) = task.await.unwrap();
        locked = locked.max(elapsed);
        starting.push(redlock);
    }
    // There is no bound: all this work is for one processor or two. An optimized build on an idle
    // machine with two takes less than 2 s. For one of them the managers wait.
    println!("{managers} managers on {nodes} new servers: each had a lock after {locked:?}");
    let complete = BTreeSet::from([Some("complete".to_owned())]);
    assert_eq!(records(&servers, "state"), complete);
    assert_eq!(records(&servers, "id").len(), 1);
    for redlock in &starting {
        healthy(redlock).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn two_hundred_managers_form_one_deployment_of_three() {
    start_at_once(3, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn two_hundred_managers_form_one_deployment_of_five() {
    start_at_once(5, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_manager_on_new_servers_is_usable_soon() {
    for nodes in [1, 3, 5] {
        let servers = Servers::start(nodes);
        let start = Instant::now();
        let redlock = Redlock::connect(servers.urls()).await.unwrap();
        let guard = redlock.try_lock("a").await.unwrap();
        assert!(guard.is_held());
        // One second for managers that may know the deployment, and a busy machine.
        assert!(start.elapsed() < 4 * SECOND, "{:?}", start.elapsed());
        everywhere(&servers, "a").await;
        // The next one finds the deployment.
        let start = Instant::now();
        let second = Redlock::connect(servers.urls()).await.unwrap();
        assert!(second.try_lock("a").await.unwrap_err().is_busy());
        assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_manager_that_starts_beside_a_quarantine_works() {
    for nodes in [3, 5] {
        let servers = Servers::start(nodes);
        // Longer than the test.
        let known = manager(&servers, 60 * SECOND).await;
        servers[0].restart();
        for knew in [true, false] {
            let redlock = if knew {
                known.clone()
            } else {
                builder(&servers, 60 * SECOND).connect().await.unwrap()
            };
            let start = Instant::now();
            let (remaining, cause) = loop {
                let reports = redlock.nodes().await;
                if let NodeHealth::Quarantined { remaining, cause } = &reports[0].health {
                    assert!(reports[1..].iter().all(|it| it.is_usable()), "{reports:?}");
                    break (*remaining, Arc::clone(cause));
                }
                assert!(start.elapsed() < SOON, "{reports:?}");
                tokio::time::sleep(10 * MS).await;
            };
            assert!(remaining > 30 * SECOND, "{remaining:?}");
            assert!(cause.contains("lost"), "{cause}");
            let guard = redlock.try_lock("a").await.unwrap();
            assert!(guard.release().await.unwrap().was_held());
            gone(&servers, "a").await;
        }
    }
}

/// Starts one server that has each write on disk before it responds.
fn durable() -> Servers {
    let settings = [
        ("--appendonly", "yes"),
        ("--appendfsync", "always"),
        ("--no-appendfsync-on-rewrite", "no"),
    ];
    let server = settings
        .iter()
        .fold(Server::builder(), |server, (name, value)| {
            server.arg(name, value)
        });
    Servers::start_each([server])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_durable_server_restarts_without_quarantine() {
    let servers = durable();
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    let held = redlock.lock("held").await.unwrap();
    for _ in 0..2 {
        servers[0].restart();
        let start = Instant::now();
        let guard = redlock.lock("a").wait(SOON).await.unwrap();
        // A quarantine would take the default `max_ttl` of a minute.
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        assert!(guard.is_held() && held.is_held());
        healthy(&redlock).await;
        // As a process does that starts later.
        let other = Redlock::connect(servers.urls()).await.unwrap();
        other.try_lock("b").await.unwrap().release().await.unwrap();
        assert!(other.try_lock("held").await.unwrap_err().is_busy());
    }
}

/// Restarts a single server, and checks that its manager says how long it is kept out, and why.
async fn assert_explained(servers: &Servers, expected: &str) {
    let redlock = manager(servers, 4 * SECOND).await;
    let before = Instant::now();
    servers[0].restart();
    let refused = loop {
        let refused = redlock.try_lock("a").await.unwrap_err();
        if refused.retry_after().is_some() {
            break refused;
        }
        assert!(before.elapsed() < 4 * SECOND, "{refused}");
        tokio::time::sleep(10 * MS).await;
    };
    let text = refused.to_string();
    assert!(text.contains("in quarantine for another"), "{text}");
    let start = Instant::now();
    let (remaining, cause) = loop {
        let mut reports = redlock.nodes().await;
        if let NodeHealth::Quarantined { remaining, cause } = reports.remove(0).health {
            break (remaining, cause);
        }
        // Shortly after it was found, the record is read again.
        assert!(start.elapsed() < SECOND, "{reports:?}");
    };
    assert!(remaining <= 4100 * MS, "{remaining:?}");
    assert_eq!(&*cause, expected);
    let _guard = redlock.lock("a").wait(SOON).await.unwrap();
    assert!(before.elapsed() >= 4 * SECOND, "{:?}", before.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_server_that_lost_data_says_how_long_it_is_kept_out() {
    assert_explained(&Servers::start(1), "it has lost its data").await;
    // By default, the last second of writes may be lost.
    let server = Server::builder().arg("--appendonly", "yes");
    let cause = "it was restarted and may have lost locks";
    assert_explained(&Servers::start_each([server]), cause).await;
}
