//! Locks that are held while all servers fail in turn: restarted empty, or stopped for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use redlock::{FencingToken, LockError, LockGuard, Redlock};
use redlock_tests::Servers;
use tokio::task::JoinHandle;

use crate::common::{MS, SOON, everywhere, holding};
use crate::register::manager;

/// Short, so that two extension intervals pass soon. Long enough for pauses of a busy machine.
const TTL: Duration = Duration::from_secs(2);

/// Well above two extension intervals, each of which is a third of the ttl.
const GAP: Duration = Duration::from_millis(1700);

/// Locks that are held throughout.
struct Held(Vec<(LockGuard, FencingToken)>);

impl Held {
    async fn acquire(redlock: &Redlock, count: usize) -> Self {
        let mut held = Vec::new();
        for index in 0..count {
            // Every second one is a lock on several resources.
            let also = (index % 2 == 1).then(|| format!("also {index}"));
            let resources = [name(index)].into_iter().chain(also);
            let guard = redlock.lock_all(resources).ttl(TTL).await.unwrap();
            let token = guard.token();
            held.push((guard, token));
        }
        Self(held)
    }

    #[track_caller]
    fn assert(&self, when: &str) {
        for (guard, token) in &self.0 {
            assert!(guard.is_held(), "lost {when}: {guard:?}");
            assert_eq!(guard.token(), *token);
        }
    }
}

fn name(index: usize) -> String {
    format!("held {index}")
}

/// Tasks that request the locks all the time, which must never get one.
struct Contenders {
    are_done: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<usize>>,
}

impl Contenders {
    fn start(redlock: &Redlock, count: usize, resources: usize) -> Self {
        let are_done = Arc::new(AtomicBool::new(false));
        let contend = |index: usize| {
            let (redlock, are_done) = (redlock.clone(), Arc::clone(&are_done));
            tokio::spawn(async move {
                let mut refused = 0;
                while !are_done.load(Ordering::Relaxed) {
                    let resource = name((index + refused) % resources);
                    // Some try once, and some wait.
                    let request = redlock.lock(&*resource).wait(300 * MS * (index as u32 % 2));
                    match request.await {
                        Ok(second) => panic!("a second holder: {second:?}"),
                        Err(LockError::Busy { .. } | LockError::Quarantined { .. }) => {}
                        Err(LockError::NoQuorum { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    refused += 1;
                    tokio::time::sleep(20 * MS).await;
                }
                refused
            })
        };
        let tasks = (0..count).map(contend).collect();
        Self { are_done, tasks }
    }

    /// Ends the tasks. Fails if one of them has got a lock, or has not tried.
    async fn finish(self) {
        self.are_done.store(true, Ordering::Relaxed);
        for task in self.tasks {
            assert!(task.await.unwrap() > 0);
        }
    }
}

/// Waits until the first lock is on every server again, and counts there. Without this, a busy
/// machine could fail the next server before the lease has returned to the last.
async fn rejoined(servers: &Servers, held: &Held, when: &str) {
    let start = Instant::now();
    while holding(servers, &name(0)) < servers.len() {
        assert!(start.elapsed() < SOON, "{when}: the lease does not return");
        held.assert(when);
        tokio::time::sleep(20 * MS).await;
    }
    // It counts once a later extension has found it. Not even the next regular one is this late.
    tokio::time::sleep(TTL / 2).await;
    held.assert(when);
}

async fn rolling_restarts(nodes: usize, guards: usize, rounds: usize, seed: u64) {
    let servers = Servers::start(nodes);
    // Longer than the gaps, so that most nodes are in quarantine at the same time.
    let max_ttl = 2 * TTL;
    let redlock = manager(&servers, max_ttl).await;
    let others = manager(&servers, max_ttl).await;
    let held = Held::acquire(&redlock, guards).await;
    everywhere(&servers, &name(guards - 1)).await;
    let contenders = Contenders::start(&others, guards, guards);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut victim = 0;
    for round in 0..rounds {
        let when = format!("in round {round}, at server {victim}, with seed {seed}");
        servers[victim].restart();
        let gap = random.random_range(GAP..GAP + 500 * MS);
        tokio::time::sleep(gap - TTL / 2).await;
        rejoined(&servers, &held, &when).await;
        // All of them in turn, then at random. The same server again is no other failure.
        let step = if round < nodes {
            1
        } else {
            random.random_range(1..nodes)
        };
        victim = (victim + step) % nodes;
    }
    contenders.finish().await;
    held.assert("at the end");
    let tokens: Vec<_> = held.0.iter().map(|(_, token)| *token).collect();
    drop(held);
    for (index, token) in tokens.into_iter().enumerate() {
        let next = others.lock(name(index)).wait(SOON).await.unwrap();
        assert!(next.token() > token);
    }
}

async fn rolling_stops(nodes: usize) {
    let servers = Servers::start(nodes);
    let redlock = manager(&servers, 2 * TTL).await;
    let others = manager(&servers, 2 * TTL).await;
    let held = Held::acquire(&redlock, 1).await;
    everywhere(&servers, &name(0)).await;
    let contenders = Contenders::start(&others, 2, 1);
    for (index, server) in servers.iter().enumerate() {
        let when = format!("at server {index}");
        server.pause();
        // Its key expires meanwhile.
        tokio::time::sleep(7 * TTL / 4).await;
        held.assert(&when);
        server.resume();
        rejoined(&servers, &held, &when).await;
    }
    contenders.finish().await;
    held.assert("at the end");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_outlives_the_restart_of_each_of_three_servers() {
    rolling_restarts(3, 1, 3, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_outlives_the_restart_of_each_of_five_servers() {
    rolling_restarts(5, 1, 5, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_outlives_the_stop_of_each_of_three_servers() {
    rolling_stops(3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_outlives_the_stop_of_each_of_five_servers() {
    rolling_stops(5).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn twenty_locks_outlive_twenty_restarts_of_three_servers() {
    let seed = rand::random();
    rolling_restarts(3, 20, 20, seed).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn twenty_locks_outlive_twenty_restarts_of_five_servers() {
    let seed = rand::random();
    rolling_restarts(5, 20, 20, seed).await;
}
