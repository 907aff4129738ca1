//! Distant servers, to which commands are sent without waiting for earlier responses.
//!
//! The order of events shows this, not the clock: responses are held back until the servers have
//! all the commands.

use std::time::Instant;

use redlock::{LockGuard, Redlock, Released};
use redlock_tests::{Flow, Proxy, Server, Servers, eventually};
use tokio::task::JoinSet;

use crate::common::{LONG, MS, SECOND, SOON, everywhere, gone, healthy, patient};

/// Starts servers behind proxies, and a manager that knows only the proxies.
async fn proxied() -> (Servers, Vec<Proxy>, Redlock) {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    let redlock = patient(proxies.iter().map(Proxy::url))
        .connect()
        .await
        .unwrap();
    (servers, proxies, redlock)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn no_batch_waits_for_an_earlier_response() {
    let (servers, proxies, redlock) = proxied().await;
    let mut held = Vec::new();
    for delay in [MS, 20 * MS] {
        for proxy in &proxies {
            proxy.requests(Flow::Delay(delay));
            proxy.replies(Flow::Hold);
        }
        let mut requests = Vec::new();
        for number in 0..BATCHES {
            let key = format!("{number} after {delay:?}");
            requests.push(tokio::spawn(redlock.lock(&*key)));
            // The next request waits until the servers have this key, so each has its own batch.
            everywhere(&servers, &key).await;
        }
        assert!(
            requests.iter().all(|request| !request.is_finished()),
            "no response has arrived"
        );
        for proxy in &proxies {
            proxy.replies(Flow::Delay(delay));
        }
        for request in requests {
            held.push(request.await.unwrap().unwrap());
        }
        // Once all nodes are healthy, the slowest one has responded too.
        healthy(&redlock).await;
    }
    assert!(held.iter().all(LockGuard::is_held));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn no_extension_or_release_waits_for_a_response() {
    let (servers, proxies, redlock) = proxied().await;
    let mut pairs = Vec::new();
    for number in 0..BATCHES / 2 {
        let extended = redlock.lock(format!("extended {number}")).ttl(LONG / 4);
        let released = redlock.lock(format!("released {number}"));
        let extended = extended.auto_extend(false).await.unwrap();
        pairs.push((extended, released.await.unwrap()));
    }
    healthy(&redlock).await;
    for proxy in &proxies {
        proxy.replies(Flow::Hold);
    }
    let probes: Vec<_> = servers.iter().map(Server::probe).collect();
    let mut extensions = Vec::new();
    for (extended, released) in pairs {
        let key = extended.resource().to_string();
        extensions.push(tokio::spawn(async move { extended.extend(LONG).await }));
        eventually("extended everywhere", SOON, || {
            let is_extended = |left| left > LONG / 2;
            probes
                .iter()
                .all(|it| it.pttl(&key).is_some_and(is_extended))
        })
        .await;
        let key = released.resource().to_string();
        drop(released);
        gone(&servers, &key).await;
    }
    assert!(extensions.iter().all(|extension| !extension.is_finished()));
    for proxy in &proxies {
        proxy.replies(Flow::Pass);
    }
    for extension in extensions {
        extension.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn commands_beyond_the_in_flight_limit_are_sent_later() {
    let (servers, proxies, redlock) = proxied().await;
    healthy(&redlock).await;
    for (server, proxy) in servers.iter().zip(&proxies) {
        server.probe().reset_calls();
        proxy.replies(Flow::Hold);
    }
    let mut requests = JoinSet::new();
    for number in 0..200 {
        requests.spawn(redlock.lock(format!("key {number}")));
        // Most become batches of their own, more than can be in flight.
        tokio::time::sleep(MS).await;
    }
    for proxy in &proxies {
        proxy.replies(Flow::Pass);
    }
    let guards: Vec<_> = requests.join_all().await;
    assert!(guards.iter().all(Result::is_ok), "{guards:?}");
    healthy(&redlock).await;
    for server in &servers {
        assert_eq!(
            server.probe().calls_of("set"),
            200,
            "each command is sent once"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn many_concurrent_locks_cost_few_round_trips() {
    let (servers, proxies, redlock) = proxied().await;
    for proxy in &proxies {
        proxy.both(Flow::Delay(20 * MS));
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let request = redlock.lock(format!("key {number}"));
        tasks.spawn(async move { request.await.unwrap().release().await.unwrap() });
    }
    let released = tasks.join_all().await;
    // Two round trips of 40 ms, and a few more if there are many batches. One lock after the other
    // would take 400 round trips, which are at least 16 s.
    assert!(start.elapsed() < 4 * SECOND, "{:?}", start.elapsed());
    assert!(released.iter().all(Released::was_held));
    eventually("only counters are left", SOON, || {
        let keys = servers.iter().flat_map(|server| server.probe().keys());
        keys.into_iter().all(|key| key.ends_with(":fence"))
    })
    .await;
}

/// Fewer batches than can be in flight.
const BATCHES: usize = 24;
