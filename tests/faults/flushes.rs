//! Servers whose data is flushed while locks are held and contended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use redlock::Redlock;
use redlock_tests::{Servers, eventually};

use crate::common::{MS, SECOND, SOON, everywhere};
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

/// Managers that acquire a lock, hold it for a moment, and release it, again and again.
async fn contend(redlock: Redlock, resource: String, race: Arc<Race>) {
    while !race.is_over.load(Ordering::Relaxed) {
        // Errors are expected: the lock is contended, and nodes are in quarantine.
        if let Ok(guard) = redlock.lock(&*resource).wait(SOON).await {
            let guard = race.register.enter(&resource, guard);
            tokio::time::sleep(2 * MS).await;
            race.register.leave(&resource, guard);
        }
    }
}

/// Acquisitions that race flushes.
#[derive(Default)]
struct Race {
    register: Register,
    is_over: AtomicBool,
}

/// Flushes quorums while managers contend for several resources. Each flush races one contended
/// acquire of each resource.
async fn flushes_race_acquires(nodes: usize, flushes: usize) {
    const MAX_TTL: Duration = Duration::from_millis(100);
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let servers = Servers::start(nodes);
    let race = Arc::new(Race::default());
    let mut tasks = Vec::new();
    for number in 0..MANAGERS {
        // Without RESP3, the server does not push: an acquire checks the record itself.
        let protocol = if number == 0 { "?protocol=resp2" } else { "" };
        let urls = servers.urls().into_iter();
        let urls = urls.map(|url| url + protocol);
        let builder = Redlock::builder().nodes(urls).ttl(MAX_TTL).max_ttl(MAX_TTL);
        let redlock = builder.connect().await.unwrap();
        let contend = |resource| contend(redlock.clone(), resource, Arc::clone(&race));
        tasks.extend(resources().map(contend).map(tokio::spawn));
    }
    let mut random = SmallRng::seed_from_u64(seed);
    for _ in 0..flushes {
        let before: Vec<_> = resources().map(|it| race.register.entered(&it)).collect();
        // The former flush is over once every lock was acquired since.
        eventually("every lock is acquired again", SOON, || {
            assert!(
                !tasks.iter().any(|task| task.is_finished()),
                "a task has failed"
            );
            let mut resources = resources().zip(&before);
            resources.all(|(it, before)| race.register.entered(&it) > *before)
        })
        .await;
        tokio::time::sleep(random.random_range(Duration::ZERO..10 * MS)).await;
        flush_quorum(&servers, &mut random);
    }
    race.is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
}

const MANAGERS: usize = 3;
const RESOURCES: usize = 10;

fn resources() -> impl Iterator<Item = String> {
    (0..RESOURCES).map(|index| index.to_string())
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
    flushes_race_acquires(3, 500 / RESOURCES).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn flushes_of_five_servers_race_five_hundred_acquires() {
    flushes_race_acquires(5, 500 / RESOURCES).await;
}
