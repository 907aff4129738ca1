//! Servers that are killed and restarted while locks are contended.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use redlock_tests::{Server, ServerBuilder, Servers};

use crate::common::{MS, SECOND};
use crate::race::Race;

/// Restarts some servers, chosen at random, at the same time.
fn restart_some(servers: &Servers, count: usize, random: &mut SmallRng) {
    let mut order: Vec<&Server> = servers.iter().collect();
    order.shuffle(random);
    std::thread::scope(|scope| {
        for server in &order[..count] {
            scope.spawn(|| server.restart());
        }
    });
}

/// Restarts between one server and a quorum, while managers contend for locks.
async fn restarts_race_acquires(servers: &Servers, max_ttl: Duration) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let race = Race::start(servers, max_ttl).await;
    let mut random = SmallRng::seed_from_u64(seed);
    let quorum = servers.len() / 2 + 1;
    for _ in 0..15 {
        race.round().await;
        tokio::time::sleep(random.random_range(Duration::ZERO..50 * MS)).await;
        let count = random.random_range(1..=quorum);
        restart_some(servers, count, &mut random);
    }
    race.finish().await;
}

/// A server that has each write on disk before it responds.
fn durable() -> ServerBuilder {
    Server::builder()
        .arg("--appendonly", "yes")
        .arg("--appendfsync", "always")
        .arg("--no-appendfsync-on-rewrite", "no")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn empty_restarts_make_no_second_holder() {
    for nodes in [3, 5] {
        restarts_race_acquires(&Servers::start(nodes), 300 * MS).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn durable_servers_restart_without_a_second_holder() {
    for nodes in [3, 5] {
        let servers = Servers::start_each((0..nodes).map(|_| durable()));
        // Long, so that the test fails if a server is in quarantine.
        restarts_race_acquires(&servers, 30 * SECOND).await;
        for server in &servers {
            let record = server.probe().get("redlock:node").unwrap();
            assert!(record.contains(" quarantined_until=0 "), "{record}");
        }
    }
}
