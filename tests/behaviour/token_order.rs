//! The order of tokens in random schedules with faults.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redlock::node::Fault;
use redlock::{FencingToken, MemoryNode, Redlock};

use crate::common::MS;

/// An acquisition: the ticks at which it was called and returned, and its token.
type Event = (u64, u64, FencingToken);

/// Runs acquisitions of several managers under faults. Nodes keep their counters.
async fn schedule(seed: u64, events: Arc<Mutex<Vec<Event>>>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let nodes = MemoryNode::cluster::<5>();
    let ticks = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let mut owners = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let redlock = Redlock::builder()
            .nodes(nodes.clone())
            .rng_seed(rng.random())
            .retry_delay(5 * MS)
            .ttl(MS * rng.random_range(200..2000))
            .build()
            .unwrap();
        let mut rng = StdRng::seed_from_u64(rng.random());
        let (events, ticks) = (Arc::clone(&events), Arc::clone(&ticks));
        let tick = move || ticks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        owners.spawn(async move {
            loop {
                let called = tick();
                let request = redlock.lock("a").auto_extend(rng.random_bool(0.5));
                let limit = MS * rng.random_range(1..3000);
                let Ok(Ok(guard)) = tokio::time::timeout(limit, request).await else {
                    continue;
                };
                events.lock().unwrap().push((called, tick(), guard.token()));
                tokio::time::sleep(MS * rng.random_range(0..20)).await;
            }
        });
    }
    for _ in 0..60 {
        tokio::time::sleep(MS * rng.random_range(1..200)).await;
        let fault = match rng.random_range(0..8) {
            0 => Some(Fault::Crash),
            1 => Some(Fault::Hang),
            2 => Some(Fault::DropRequests),
            3 => Some(Fault::LoseReplies),
            4 => Some(Fault::Delay(MS * rng.random_range(1..100))),
            _ => None,
        };
        nodes[rng.random_range(0..5)].fault(fault);
        // Locks vanish at any moment, on any node. Counters do not.
        if rng.random_bool(0.2) {
            nodes[rng.random_range(0..5)].forget_keys();
        }
    }
    owners.shutdown().await;
}

/// `REDLOCK_TEST_ACQUISITIONS=100000` runs schedules until there are that many acquisitions.
#[test]
fn tokens_are_unique_and_in_order_under_random_faults() {
    let wanted = std::env::var("REDLOCK_TEST_ACQUISITIONS")
        .map_or(10_000, |text| text.parse::<usize>().unwrap());
    let (mut total, mut seed) = (0, 0);
    while total < wanted {
        let events = Arc::<Mutex<Vec<Event>>>::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(schedule(seed, Arc::clone(&events)));
        let mut events = std::mem::take(&mut *events.lock().unwrap());
        check(&mut events, seed);
        total += events.len();
        seed += 1;
        assert!(
            seed < 100 || total > 500,
            "the schedules leave no room for acquisitions"
        );
    }
    println!("{total} acquisitions in {seed} schedules");
}

/// Asserts that tokens are unique and in the order of real time.
fn check(events: &mut [Event], seed: u64) {
    let tokens: HashSet<_> = events.iter().map(|(_, _, token)| token).collect();
    assert_eq!(
        tokens.len(),
        events.len(),
        "seed {seed}: a token was issued twice"
    );
    events.sort_by_key(|(_, returned, _)| *returned);
    for (index, (called, _, token)) in events.iter().enumerate() {
        let before = events[..index]
            .iter()
            .filter(|(_, returned, _)| returned < called);
        let largest = before.map(|(_, _, token)| token).max();
        assert!(
            largest.is_none_or(|largest| largest < token),
            "seed {seed}: out of order"
        );
    }
}
