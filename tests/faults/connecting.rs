//! The commands of a new connection: what it asks a server, and what it loads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redlock::node::{
    Acquire, Command, Keys, NodeResult, Responder, ResponseSink, SessionEvents, SessionObserver,
    SessionOptions, Vote,
};
use redlock::{LeaseId, Node, NodeErrorKind, RedisNode, Redlock};
use redlock_tests::{Proxy, Server, Servers, eventually};
use tokio::runtime::Handle;

use crate::common::{SECOND, SOON, fleet, fleet_without_quarantine, healthy, limited};

/// Connects another manager and takes a lock. Returns the calls of each server meanwhile.
async fn calls_of_another(servers: &Servers, urls: Vec<String>) -> Vec<BTreeMap<String, u64>> {
    servers.iter().for_each(|it| it.probe().reset_calls());
    let redlock = Redlock::connect(urls).await.unwrap();
    healthy(&redlock).await;
    let guard = redlock.lock("a").await.unwrap();
    guard.release().await.unwrap();
    redlock.shutdown().await;
    servers.iter().map(|it| it.probe().calls()).collect()
}

fn count(calls: &BTreeMap<String, u64>, command: &str) -> u64 {
    calls.get(command).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_new_connection_identifies_its_node_once() {
    let (servers, redlock) = fleet(3).await;
    // Each identification reads three settings.
    for calls in calls_of_another(&servers, servers.urls()).await {
        assert_eq!(count(&calls, "config|get"), 3, "{calls:?}");
    }
    drop(redlock);
    let proxies = servers.proxies();
    let redlock = Redlock::connect(proxies.iter().map(Proxy::url));
    let redlock = redlock.await.unwrap();
    healthy(&redlock).await;
    let before: Vec<_> = proxies.iter().map(Proxy::accepted).collect();
    servers.iter().for_each(|it| it.probe().reset_calls());
    proxies.iter().for_each(Proxy::cut);
    eventually("all nodes are identified again", SOON, || {
        let is_identified = |it: &Server| it.probe().calls_of("config|get") >= 3;
        servers.iter().all(is_identified)
    })
    .await;
    healthy(&redlock).await;
    drop(redlock.lock("a").await.unwrap());
    for ((server, proxy), before) in servers.iter().zip(&proxies).zip(before) {
        let connections = (proxy.accepted() - before) as u64;
        assert!(server.probe().calls_of("config|get") <= 3 * connections);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn scripts_that_a_server_has_are_not_loaded_again() {
    let (servers, _first) = fleet(3).await;
    for calls in calls_of_another(&servers, servers.urls()).await {
        assert_eq!(count(&calls, "script|exists"), 1, "{calls:?}");
        // The one that shows whether the user may load scripts.
        assert_eq!(count(&calls, "script|load"), 1, "{calls:?}");
    }
    servers[0].probe().script_flush();
    let calls = calls_of_another(&servers, servers.urls()).await;
    assert!(count(&calls[0], "script|load") > 10, "{calls:?}");
    assert_eq!(count(&calls[1], "script|load"), 1, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_restarted_server_gets_its_scripts_again() {
    let (servers, redlock) = fleet_without_quarantine(3).await;
    let loaded = servers[0].probe().calls_of("script|load");
    assert!(loaded > 10);
    servers[0].restart();
    eventually("the scripts are loaded again", SOON, || {
        servers[0].probe().calls_of("script|load") == loaded
    })
    .await;
    healthy(&redlock).await;
    drop(redlock.lock("a").await.unwrap());
    assert_eq!(servers[0].probe().calls_of("script|load"), loaded);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_user_who_may_not_ask_for_scripts_loads_all() {
    let (servers, _first) = fleet(3).await;
    let urls = limited(&servers, &["-script|exists"]);
    for calls in calls_of_another(&servers, urls).await {
        assert_eq!(count(&calls, "script|exists"), 0, "{calls:?}");
        assert!(count(&calls, "script|load") > 10, "{calls:?}");
    }
}

/// Counts the acquires that a session has returned, and those that it has responded to otherwise.
#[derive(Default)]
struct Returned {
    returned: AtomicUsize,
    others: AtomicUsize,
}

impl ResponseSink<Vote> for Returned {
    fn on_response(&self, _node: usize, response: NodeResult<Vote>) {
        let is_returned = response
            .is_err_and(|error| error.kind() == NodeErrorKind::Reconnected && !error.is_sent());
        let count = if is_returned {
            &self.returned
        } else {
            &self.others
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl SessionObserver for Returned {
    fn connected(&self, _node: usize) {}
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn every_acquire_from_before_a_connection_is_returned() {
    const MANY: usize = 3000;
    let server = Server::start();
    let node = RedisNode::open(&server.url()).unwrap();
    let count = Arc::<Returned>::default();
    let options = SessionOptions::new(Handle::current()).events(SessionEvents::new(&count, 0));
    let session = Node::open(&node, options);
    // The task of the session runs once the test waits.
    for index in 0..MANY {
        let keys = Keys::from(Arc::<[u8]>::from(format!("{index}").into_bytes()));
        let responder = Responder::new(Arc::<Returned>::clone(&count), 0);
        let acquire = Acquire::new(keys, LeaseId::from("of the test"), SECOND, responder);
        session.submit(Command::Acquire(acquire));
    }
    eventually("all have a response", SOON, || {
        count.returned.load(Ordering::Relaxed) + count.others.load(Ordering::Relaxed) == MANY
    })
    .await;
    assert_eq!(count.returned.load(Ordering::Relaxed), MANY);
    assert!(server.probe().keys().is_empty());
}
