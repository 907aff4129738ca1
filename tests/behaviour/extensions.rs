//! Extensions of many locks, which spread out over time.

use std::collections::HashMap;
use std::time::Duration;

use redlock::node::Fault;
use redlock::{LockGuard, MemoryNode, Redlock};

use crate::common::{MS, SECOND};
use crate::recorder::{Note, Recorder};

/// Locks that were acquired at one moment, and a node that records their extensions.
struct Locks {
    nodes: [MemoryNode; 3],
    recorder: Recorder,
    guards: Vec<LockGuard>,
    seed: u64,
}

impl Locks {
    async fn take(count: usize) -> Self {
        let nodes = MemoryNode::cluster();
        let recorder = Recorder::new(&nodes[0]);
        let seed = rand::random();
        let redlock = Redlock::builder()
            .node(recorder.clone())
            .nodes(nodes[1..].iter().cloned())
            .rng_seed(seed)
            .build()
            .unwrap();
        let mut guards = Vec::new();
        for number in 0..count {
            guards.push(redlock.lock(format!("lock {number}")).await.unwrap());
        }
        drop(recorder.take());
        Self {
            nodes,
            recorder,
            guards,
            seed,
        }
    }

    /// Returns the lease ids that are extended in each [`WINDOW`] of this time.
    async fn extended_in(&self, time: Duration) -> Vec<Vec<String>> {
        let mut windows = Vec::new();
        for _ in 0..time.as_millis() / WINDOW.as_millis() {
            tokio::time::sleep(WINDOW).await;
            let ids = self.recorder.take().into_iter().map(|note| match note {
                Note::Extend { id } => id,
                other => panic!("seed {}: {other:?}", self.seed),
            });
            windows.push(ids.collect());
        }
        windows
    }

    fn assert_held(&self) {
        let held = self.guards.iter().filter(|guard| guard.is_held()).count();
        assert_eq!(held, self.guards.len(), "seed {}", self.seed);
    }

    /// Asserts that no window has more than `1 / part` of all locks.
    fn assert_spread(&self, windows: &[Vec<String>], part: usize) {
        let most = windows.iter().map(Vec::len).max().unwrap();
        let seed = self.seed;
        assert!(most <= self.guards.len() / part, "seed {seed}: {most}");
    }
}

#[tokio::test(start_paused = true)]
async fn locks_acquired_together_are_not_extended_together() {
    let locks = Locks::take(1000).await;
    // Jitter spreads the first extensions over two seconds: a twentieth in each window.
    let mut windows = locks.extended_in(120 * SECOND).await;
    locks.assert_spread(&windows, 10);
    // Later ones spread over the nine seconds between two extensions: a ninetieth in each.
    let later = locks.extended_in(480 * SECOND).await;
    locks.assert_spread(&later, 20);
    locks.assert_held();

    windows.extend(later);
    let mut counts = HashMap::new();
    for id in windows.into_iter().flatten() {
        *counts.entry(id).or_insert(0) += 1;
    }
    for guard in &locks.guards {
        let count = counts[guard.lease_id().as_str().unwrap()];
        // Every eight to ten seconds of ten minutes.
        assert!((60..=75).contains(&count), "seed {}: {count}", locks.seed);
    }
}

#[tokio::test(start_paused = true)]
async fn extensions_spread_out_again_after_an_outage() {
    let locks = Locks::take(1000).await;
    let (_, down) = locks.nodes.split_at(1);
    tokio::time::sleep(120 * SECOND).await;
    down.iter().for_each(|node| node.fault(Fault::Crash));
    tokio::time::sleep(15 * SECOND).await;
    down.iter().for_each(|node| node.fault(None));
    drop(locks.recorder.take());
    // During the outage every lock retried once a second, so all are extended within one second.
    let windows = locks.extended_in(SECOND).await;
    assert!(windows.iter().map(Vec::len).sum::<usize>() > 500);
    tokio::time::sleep(120 * SECOND).await;
    drop(locks.recorder.take());
    let windows = locks.extended_in(60 * SECOND).await;
    locks.assert_spread(&windows, 20);
    locks.assert_held();
}

const WINDOW: Duration = MS.saturating_mul(100);
