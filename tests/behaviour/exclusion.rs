//! Mutual exclusion in random schedules with faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redlock::node::Fault;
use redlock::{LockGuard, MemoryNode, Redlock};
use tokio::task::JoinSet;

use crate::common::{MS, SECOND, holding};

/// Virtual time that one schedule covers.
const SPAN: Duration = Duration::from_secs(60);

/// The owner that holds the lock, by its number, or 0. Counts acquisitions and losses.
#[derive(Default)]
struct Register {
    holder: AtomicU64,
    acquisitions: AtomicU64,
    losses: AtomicU64,
}

impl Register {
    /// Works for `steps` steps, and checks after each that no other owner holds the lock.
    async fn work(&self, guard: &LockGuard, number: u64, steps: u32, seed: u64) {
        let before = self.holder.swap(number, Ordering::SeqCst);
        assert_eq!(before, 0, "seed {seed}: two owners");
        self.acquisitions.fetch_add(1, Ordering::SeqCst);
        for _ in 0..steps {
            tokio::time::sleep(20 * MS).await;
            if !guard.is_held() {
                break;
            }
            // No await since the clock was read, so both reads see the same instant.
            let now = self.holder.load(Ordering::SeqCst);
            assert_eq!(now, number, "seed {seed}: two owners");
        }
    }

    /// Removes the owner, unless another one has overtaken it after its loss.
    fn leave(&self, number: u64) {
        let _overtaken =
            self.holder
                .compare_exchange(number, 0, Ordering::SeqCst, Ordering::SeqCst);
    }
}

/// Returns any fault that exclusion must survive. Lost keys and jumping clocks are not among them.
fn fault(rng: &mut StdRng) -> Option<Fault> {
    match rng.random_range(0..8) {
        0 => Some(Fault::Crash),
        1 => Some(Fault::Hang),
        2 => Some(Fault::DropRequests),
        3 => Some(Fault::LoseReplies),
        4 => Some(Fault::Delay(MS * rng.random_range(1..3000))),
        _ => None,
    }
}

async fn schedule(seed: u64) -> u64 {
    let mut rng = StdRng::seed_from_u64(seed);
    let nodes = MemoryNode::cluster::<5>();
    let register = Arc::new(Register::default());
    let mut owners = JoinSet::new();
    for number in 1..=6 {
        // Each owner has a manager of its own, as processes do.
        let redlock = Redlock::builder()
            .nodes(nodes.clone())
            .rng_seed(rng.random())
            .ttl(MS * rng.random_range(500..4000))
            .wait(3 * SECOND)
            .build()
            .unwrap();
        let mut rng = StdRng::seed_from_u64(rng.random());
        let register = Arc::clone(&register);
        owners.spawn(async move {
            loop {
                let request = redlock.lock("a").auto_extend(rng.random_bool(0.8));
                let limit = MS * rng.random_range(1..5000);
                let Ok(Ok(guard)) = tokio::time::timeout(limit, request).await else {
                    continue;
                };
                // After the loss another owner may acquire the lock. The register must learn of the
                // loss first.
                let lost = guard.lost();
                let steps = rng.random_range(0..200);
                tokio::select! {
                    biased;
                    _lost = lost => { register.losses.fetch_add(1, Ordering::SeqCst); }
                    () = register.work(&guard, number, steps, seed) => {}
                }
                register.leave(number);
                if rng.random_bool(0.5) {
                    drop(guard);
                } else {
                    let _outcome = guard.release().await;
                }
            }
        });
    }
    let end = tokio::time::Instant::now() + SPAN;
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(MS * rng.random_range(1..2000)).await;
        let node = rng.random_range(0..nodes.len());
        nodes[node].fault(fault(&mut rng));
        if let Some(Err(failed)) = owners.try_join_next() {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
    // Once the nodes are healed and the owners are gone, no key is left.
    nodes.iter().for_each(|node| node.fault(None));
    owners.shutdown().await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(holding(&nodes), 0, "seed {seed}: a key was left behind");
    register.acquisitions.load(Ordering::SeqCst)
}

/// `REDLOCK_TEST_SEEDS=1000` runs that many schedules.
#[test]
fn no_two_owners_under_random_faults() {
    let seeds = std::env::var("REDLOCK_TEST_SEEDS").map_or(40, |text| text.parse().unwrap());
    let mut acquisitions = 0;
    for seed in 0..seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        acquisitions += runtime.block_on(schedule(seed));
    }
    // Without enough acquisitions the schedules would prove nothing.
    assert!(acquisitions > 5 * seeds, "{acquisitions}");
    println!("{acquisitions} acquisitions in {seeds} schedules");
}
