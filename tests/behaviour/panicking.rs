//! Nodes whose sessions panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock::node::{Command, MemoryNode, Node, NodeHealth, NodeReport, Session, SessionOptions};
use redlock::{LockGuard, Redlock};

use crate::common::{SECOND, TTL, holding, settle};

/// A call of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Acquire,
    Extend,
    Release,
    Report,
    Notifies,
    Hints,
    RoundTrip,
    TimeOfDay,
}

const ALL: [Call; 8] = [
    Call::Acquire,
    Call::Extend,
    Call::Release,
    Call::Report,
    Call::Notifies,
    Call::Hints,
    Call::RoundTrip,
    Call::TimeOfDay,
];

/// A node that panics the next time a session of it gets this call.
#[derive(Clone, Debug)]
struct PanickingNode {
    node: MemoryNode,
    next: Arc<Mutex<Option<Call>>>,
    panics: Arc<AtomicUsize>,
}

impl Node for PanickingNode {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        Arc::new(PanickingSession {
            session: self.node.open(options),
            node: self.clone(),
        })
    }
}

#[derive(Debug)]
struct PanickingSession {
    session: Arc<dyn Session>,
    node: PanickingNode,
}

impl PanickingSession {
    fn on(&self, call: Call) {
        let is_next = |next: &mut Call| *next == call;
        let taken = self.node.next.lock().unwrap().take_if(is_next);
        if taken.is_some() {
            self.node.panics.fetch_add(1, Ordering::Relaxed);
            panic!("a bug of the node");
        }
    }
}

impl Session for PanickingSession {
    fn submit(&self, command: Command) {
        match command {
            Command::Acquire(_) => self.on(Call::Acquire),
            Command::Extend(_) => self.on(Call::Extend),
            Command::Release(_) => self.on(Call::Release),
            _ => {}
        }
        self.session.submit(command);
    }

    fn report(&self) -> NodeReport {
        self.on(Call::Report);
        self.session.report()
    }

    fn notifies(&self) -> bool {
        self.on(Call::Notifies);
        self.session.notifies()
    }

    fn hints(&self) -> bool {
        self.on(Call::Hints);
        self.session.hints()
    }

    fn round_trip(&self) -> Option<Duration> {
        self.on(Call::RoundTrip);
        self.session.round_trip()
    }

    fn time_of_day(&self) -> Option<u64> {
        self.on(Call::TimeOfDay);
        self.session.time_of_day()
    }
}

/// Returns a node that panics and two that do not, and a manager over them.
fn cluster() -> ([MemoryNode; 3], PanickingNode, Redlock) {
    let nodes = MemoryNode::cluster::<3>();
    let panicking = PanickingNode {
        node: nodes[0].clone(),
        next: Arc::default(),
        panics: Arc::default(),
    };
    let builder = Redlock::builder().node(panicking.clone());
    let builder = builder.nodes(nodes[1..].to_vec());
    // Short enough for the round trip to decide the node timeout, so that it is asked for.
    let redlock = builder.ttl(TTL / 3).build().unwrap();
    (nodes, panicking, redlock)
}

async fn is_kept(guard: &LockGuard) -> bool {
    tokio::time::sleep(3 * TTL).await;
    guard.is_held()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_panics_once_ends_no_lock() {
    for call in ALL {
        let (nodes, panicking, redlock) = cluster();
        let guard = redlock.lock("a").await.unwrap();
        *panicking.next.lock().unwrap() = Some(call);
        assert!(is_kept(&guard).await, "{call:?}");
        redlock.nodes().await;
        let other = redlock.lock("b").await.unwrap();
        assert!(is_kept(&other).await, "{call:?}: a later one");
        assert!(guard.is_held(), "{call:?}");
        drop(guard);
        drop(other);
        assert_eq!(panicking.panics.load(Ordering::Relaxed), 1, "{call:?}");
        // The ttl ends a lock whose release was lost.
        tokio::time::sleep(TTL + SECOND).await;
        assert_eq!(holding(&nodes), 0, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guard_is_dropped_without_a_panic_of_its_node() {
    let (nodes, panicking, redlock) = cluster();
    let guard = redlock.lock("a").await.unwrap();
    *panicking.next.lock().unwrap() = Some(Call::Release);
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(guard)));
    assert!(dropped.is_ok());
    settle().await;
    assert_eq!(holding(&nodes), 1, "the other nodes got their releases");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_panics_is_that_of_a_node_that_is_down() {
    let (_, panicking, redlock) = cluster();
    drop(redlock.lock("a").await.unwrap());
    *panicking.next.lock().unwrap() = Some(Call::Report);
    let reports = redlock.nodes().await;
    assert!(matches!(reports[0].health, NodeHealth::Down(_)));
    assert!(reports[1..].iter().all(NodeReport::is_usable));
}
