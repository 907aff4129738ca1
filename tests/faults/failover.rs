//! An address that leads to another server: a failover behind a name or a virtual IP.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::redis;
use redlock::node::NodeHealth;
use redlock::{NodeReport, Redlock};
use redlock_tests::{Server, Servers, eventually};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::common::{MS, SECOND, SOON, everywhere, healthy};

/// The longest ttl, and so the length of a quarantine.
const MAX_TTL: Duration = Duration::from_secs(4);

/// A stable address, which leads to a server that can change.
struct Address {
    port: u16,
    target: Arc<AtomicU16>,
    connections: watch::Sender<()>,
}

impl Address {
    async fn of(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(server.port()));
        let (connections, ended) = watch::channel(());
        let current = Arc::clone(&target);
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (target, mut ended) = (current.load(Ordering::SeqCst), ended.clone());
                ended.mark_unchanged();
                tokio::spawn(async move {
                    let address = (Ipv4Addr::LOCALHOST, target);
                    if let Ok(mut server) = TcpStream::connect(address).await {
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                            _ = ended.changed() => {}
                        }
                    }
                });
            }
        });
        Self {
            port,
            target,
            connections,
        }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Makes later connections lead to another server. Open ones stay.
    fn lead_to(&self, server: &Server) {
        self.target.store(server.port(), Ordering::SeqCst);
    }

    fn end_connections(&self) {
        self.connections.send(()).unwrap();
    }
}

/// The way in which the first server is replaced by its replica.
#[derive(Clone, Copy, Debug)]
enum Failover {
    /// The master dies.
    Crash,
    /// The master becomes the replica. Its connections stay open.
    Switch,
    /// The master hangs, and its connections end.
    Hang,
}

fn replicate(replica: &Server, master: Option<&Server>) {
    let mut command = redis::cmd("REPLICAOF");
    match master {
        Some(master) => command.arg("127.0.0.1").arg(master.port()),
        None => command.arg("NO").arg("ONE"),
    };
    replica.probe().query::<()>(&command);
}

async fn is_in_sync(replica: &Server) {
    eventually("the replica is in sync", SOON, || {
        let info: String = replica.probe().query(redis::cmd("INFO").arg("replication"));
        info.contains("master_link_status:up")
    })
    .await;
}

/// Waits until the health of the first node is as expected.
async fn first_node(redlock: &Redlock, expected: impl Fn(&NodeHealth) -> bool) -> NodeReport {
    let start = Instant::now();
    loop {
        let first = redlock.nodes().await.remove(0);
        if expected(&first.health) {
            return first;
        }
        assert!(start.elapsed() < SOON, "{first:?}");
        tokio::time::sleep(MS).await;
    }
}

async fn fail_over(nodes: usize, failover: Failover) {
    let servers = Servers::start(nodes);
    let replica = Server::start();
    let address = Address::of(&servers[0]).await;
    let urls: Vec<String> = std::iter::once(address.url())
        .chain(servers[1..].iter().map(Server::url))
        .collect();
    let builder = Redlock::builder()
        .nodes(&urls)
        .ttl(MAX_TTL)
        .max_ttl(MAX_TTL);
    let redlock = builder.clone().connect().await.unwrap();
    healthy(&redlock).await;
    replicate(&replica, Some(&servers[0]));
    is_in_sync(&replica).await;
    let held = redlock.lock("held").await.unwrap();
    everywhere(&servers, "held").await;

    let before = Instant::now();
    if let Failover::Crash = failover {
        servers[0].kill();
    }
    replicate(&replica, None);
    address.lead_to(&replica);
    match failover {
        Failover::Crash => {}
        Failover::Switch => replicate(&servers[0], Some(&replica)),
        Failover::Hang => {
            servers[0].pause();
            address.end_connections();
        }
    }
    // Locks continue with the others.
    for _ in 0..20 {
        let guard = redlock.lock("a").wait(SOON).await.unwrap();
        assert!(guard.release().await.unwrap().was_held());
    }
    let is_quarantined = |health: &NodeHealth| matches!(health, NodeHealth::Quarantined { .. });
    let report = first_node(&redlock, is_quarantined).await;
    let NodeHealth::Quarantined { remaining, cause } = &report.health else {
        panic!("{report:?}")
    };
    assert!(
        before.elapsed() < MAX_TTL,
        "noticed too late: {:?}",
        before.elapsed()
    );
    assert!(*remaining <= MAX_TTL + 100 * MS, "{remaining:?}");
    assert!(cause.contains("restarted"), "{cause}");
    // A manager that starts now sees the same.
    let other = builder.connect().await.unwrap();
    first_node(&other, is_quarantined).await;
    let _guard = other.lock("b").wait(SOON).await.unwrap();
    assert!(
        !replica.probe().exists("b"),
        "a node in quarantine has no vote"
    );

    first_node(&redlock, |health| *health == NodeHealth::Connected).await;
    assert!(before.elapsed() >= MAX_TTL, "{:?}", before.elapsed());
    // The new server votes, and the held lock is on it.
    let _guard = redlock.lock("c").wait(SOON).await.unwrap();
    eventually("the new server has the locks", SOON, || {
        let probe = replica.probe();
        probe.exists("c") && probe.exists("held")
    })
    .await;
    assert!(held.is_held());
    if let Failover::Hang = failover {
        servers[0].resume();
    }
    tokio::time::sleep(SECOND).await;
    assert!(held.is_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_replica_that_replaces_a_dead_master_is_used_later() {
    fail_over(3, Failover::Crash).await;
    fail_over(5, Failover::Crash).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_master_that_becomes_a_replica_is_left() {
    fail_over(3, Failover::Switch).await;
    fail_over(5, Failover::Switch).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_replica_that_replaces_a_hung_master_is_used_later() {
    fail_over(3, Failover::Hang).await;
    fail_over(5, Failover::Hang).await;
}

/// As a virtual IP does that moves away from a master and back again, although the master lives.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_address_that_returns_to_a_former_server_is_kept_out() {
    let servers = Servers::start(3);
    let second = Server::start();
    let address = Address::of(&servers[0]).await;
    let urls = [address.url(), servers[1].url(), servers[2].url()];
    let builder = Redlock::builder().nodes(urls).ttl(MAX_TTL).max_ttl(MAX_TTL);
    let redlock = builder.connect().await.unwrap();
    healthy(&redlock).await;
    let is_quarantined = |health: &NodeHealth| matches!(health, NodeHealth::Quarantined { .. });
    for server in [&second, &servers[0], &second] {
        address.lead_to(server);
        address.end_connections();
        let moved = Instant::now();
        let report = first_node(&redlock, is_quarantined).await;
        let NodeHealth::Quarantined { cause, .. } = &report.health else {
            panic!("{report:?}")
        };
        let (is_new, named) = (
            cause.contains("lost its data"),
            cause.contains("led to another"),
        );
        assert!(is_new || named, "{cause}");
        let _guard = redlock.lock("a").wait(SOON).await.unwrap();
        assert!(
            !server.probe().exists("a"),
            "a node in quarantine has no vote"
        );
        first_node(&redlock, |health| *health == NodeHealth::Connected).await;
        assert!(moved.elapsed() >= MAX_TTL, "{:?}", moved.elapsed());
    }
}
