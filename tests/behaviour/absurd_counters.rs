//! Counters far beyond the clocks, which must not spoil those of other resources.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redlock::node::{
    Acquire, Command, Keys, MemoryNode, Node, NodeReport, Raise, Release, Responder, Session,
    SessionOptions,
};
use redlock::{LeaseId, Redlock};
use tokio::runtime::Handle;

use crate::common::{SECOND, manager, settle};

/// Just below the largest token.
const ABSURD: u64 = 9_007_199_254_739_000;

const DAY: u64 = 24 * 3600 * 1_000_000;

/// The time of day, in microseconds.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

fn token(guard: &redlock::LockGuard) -> u64 {
    u64::try_from(guard.token().as_i64()).unwrap()
}

/// Sets the counter of a resource on one node.
async fn set_counter(node: &MemoryNode, name: &str, value: u64) {
    let session = node.open(SessionOptions::new(Handle::current()));
    let (id, gone_by) = (LeaseId::from("of the test"), redlock::node::Moment::now());
    let keys = || Keys::from(Arc::<[u8]>::from(name.as_bytes()));
    let (ttl, kept) = (SECOND, Duration::from_secs(3600));
    let acquire = Acquire::new(keys(), id.clone(), ttl, Responder::ignored());
    session.submit(Command::Acquire(acquire));
    let raise = Raise::new(keys(), id.clone(), value, kept, Responder::ignored());
    session.submit(Command::Raise(raise.into()));
    let release = Release::new(keys(), id, gone_by, Responder::ignored());
    session.submit(Command::Release(release));
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_absurd_counter_does_not_spoil_other_resources() {
    for poisoned in 1..=3 {
        let nodes = MemoryNode::cluster::<3>();
        for node in &nodes[..poisoned] {
            set_counter(node, "poisoned", ABSURD).await;
        }
        let managers = [manager(&nodes), manager(&nodes)];
        for redlock in managers.iter().cycle().take(20) {
            let guard = redlock.lock("poisoned").await.unwrap();
            assert!(poisoned == 1 || token(&guard) > ABSURD);
            drop(guard);
            let guard = redlock.lock("innocent").await.unwrap();
            let (token, now) = (token(&guard), now());
            assert!(token <= now + DAY, "{poisoned}: {token} at {now}");
        }
    }
}

/// A node whose clock is ahead by this many microseconds; [`UNKNOWN`] if it reports none.
#[derive(Clone, Debug)]
struct ClockNode {
    node: MemoryNode,
    ahead: Arc<AtomicU64>,
}

const UNKNOWN: u64 = u64::MAX;

impl Node for ClockNode {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        Arc::new(ClockSession {
            session: self.node.open(options),
            ahead: Arc::clone(&self.ahead),
        })
    }
}

#[derive(Debug)]
struct ClockSession {
    session: Arc<dyn Session>,
    ahead: Arc<AtomicU64>,
}

impl Session for ClockSession {
    fn submit(&self, command: Command) {
        self.session.submit(command);
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }

    fn time_of_day(&self) -> Option<u64> {
        let ahead = self.ahead.load(Ordering::Relaxed);
        (ahead != UNKNOWN).then(|| now().wrapping_add(ahead))
    }
}

/// Returns nodes whose clocks are unknown, and a manager over them.
fn without_clocks() -> ([ClockNode; 3], Redlock) {
    let nodes = MemoryNode::cluster::<3>().map(|node| ClockNode {
        node,
        ahead: Arc::new(AtomicU64::new(UNKNOWN)),
    });
    let redlock = Redlock::builder().nodes(nodes.clone()).build().unwrap();
    (nodes, redlock)
}

/// The local clock is ahead of those of the servers, which are unknown in the first round.
#[tokio::test(start_paused = true)]
async fn the_clocks_of_servers_limit_tokens_once_they_are_known() {
    let (nodes, redlock) = without_clocks();
    let first = redlock.lock("a").await.unwrap();
    assert!(token(&first) >= now() - DAY);
    for node in &nodes {
        node.ahead
            .store(0_u64.wrapping_sub(10 * DAY), Ordering::Relaxed);
    }
    // No time passes: there was nothing to remember.
    let second = redlock.lock("b").await.unwrap();
    assert!(token(&second) <= now() - 9 * DAY, "{}", token(&second));
}

/// A counter that agrees with the clocks of the servers is no absurd one.
#[tokio::test(start_paused = true)]
async fn proposals_adapt_to_counters_within_the_clocks_of_a_quorum() {
    for ahead in [1, 2, 3] {
        let (nodes, redlock) = without_clocks();
        for node in &nodes[..ahead] {
            node.ahead.store(10 * DAY, Ordering::Relaxed);
        }
        set_counter(&nodes[0].node, "a", now() + 10 * DAY).await;
        drop(redlock.lock("a").await.unwrap());
        let other = redlock.lock("b").await.unwrap();
        let is_ahead = token(&other) >= now() + 9 * DAY;
        assert_eq!(is_ahead, ahead >= 2, "{ahead}: {}", token(&other));
    }
}
