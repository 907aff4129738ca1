//! Servers whose data is flushed while locks are held and contended.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use redlock_tests::Servers;

use crate::common::{MS, SECOND, SOON, everywhere};
use crate::race::{self, Race};
use crate::register::{Register, manager};

/// Flushes a quorum of the servers, chosen at random.
fn flush_quorum(servers: &Servers, random: &mut SmallRng) {
    let mut order: Vec<usize> = (0..servers.len()).collect();
    order.shuffle(random);
    for index in &order[..servers.len() / 2 + 1] {
        servers[*index].probe().flushall();
    }
}

/// A holder extends its lock, and a quorum of the servers is flushed. Another manager acquires it
/// again and again.
async fn flush_below_a_holder(nodes: usize, seed: u64) {
    const MAX_TTL: Duration = SECOND;
    let servers = Servers::start(nodes);
    let redlock = manager(&servers, MAX_TTL).await;
    let others = manager(&servers, MAX_TTL).await;
    let mut random = SmallRng::seed_from_u64(seed);
    let register = Register::default();
    for _ in 0..5 {
        let guard = register.enter("a", redlock.lock("a").await.unwrap());
        everywhere(&servers, "a").await;
        let contender = tokio::spawn(others.lock("a").wait(SOON));
        tokio::time::sleep(random.random_range(Duration::ZERO..MAX_TTL / 2)).await;
        assert!(guard.is_held() && !contender.is_finished(), "seed {seed}");
        flush_quorum(&servers, &mut random);
        let flushed = Instant::now();
        // The holder may keep its lock. It then releases it once the quarantine is over.
        while guard.is_held() && flushed.elapsed() < 2 * MAX_TTL {
            assert!(!contender.is_finished(), "a second holder, seed {seed}");
            tokio::time::sleep(MS).await;
        }
        let token = guard.token();
        register.leave("a", guard);
        let next = register.enter("a", contender.await.unwrap().unwrap());
        assert!(next.token() > token, "seed {seed}");
        register.leave("a", next);
    }
}

/// Flushes quorums while managers contend for several resources. Each flush races one contended
/// acquire of each resource.
async fn flushes_race_acquires(nodes: usize, flushes: usize) {
    const MAX_TTL: Duration = Duration::from_millis(100);
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let servers = Servers::start(nodes);
    let race = Race::start(&servers, MAX_TTL).await;
    let mut random = SmallRng::seed_from_u64(seed);
    for _ in 0..flushes {
        race.round().await;
        tokio::time::sleep(random.random_range(Duration::ZERO..10 * MS)).await;
        flush_quorum(&servers, &mut random);
    }
    race.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_flush_of_two_of_three_makes_no_second_holder() {
    flush_below_a_holder(3, rand::random()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_flush_of_three_of_five_makes_no_second_holder() {
    flush_below_a_holder(5, rand::random()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn flushes_of_three_servers_race_five_hundred_acquires() {
    flushes_race_acquires(3, 500 / race::RESOURCES).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn flushes_of_five_servers_race_five_hundred_acquires() {
    flushes_race_acquires(5, 500 / race::RESOURCES).await;
}
