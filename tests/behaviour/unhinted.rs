//! Waiters that are notified of changes, but get no hints.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock::node::{
    Acquire, Command, Fault, Keys, MemoryNode, Moment, Node, NodeReport, Release, Responder,
    Session, SessionOptions, Waiter, Watch, Watcher,
};
use redlock::{LeaseId, Redlock, RedlockBuilder};
use tokio::runtime::Handle;

use crate::common::{MS, SECOND, Stopwatch, manager};

/// A node in memory whose sessions are not hinted. It counts their acquires.
#[derive(Clone, Debug)]
struct Unhinted {
    node: MemoryNode,
    acquires: Arc<AtomicUsize>,
}

impl Node for Unhinted {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        Arc::new(UnhintedSession {
            session: self.node.open(options),
            acquires: Arc::clone(&self.acquires),
        })
    }
}

#[derive(Debug)]
struct UnhintedSession {
    session: Arc<dyn Session>,
    acquires: Arc<AtomicUsize>,
}

impl Session for UnhintedSession {
    fn submit(&self, command: Command) {
        let command = match command {
            Command::Acquire(it) => {
                self.acquires.fetch_add(1, Ordering::Relaxed);
                Command::Acquire(it.waiter(None))
            }
            Command::Release(it) => Command::Release(it.requeue(None)),
            command => command,
        };
        self.session.submit(command);
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }

    fn notifies(&self) -> bool {
        true
    }
}

/// A waiter that does nothing when it is hinted.
struct Hung;

impl Watcher for Hung {
    fn key_changed(&self, _node: usize) {}
}

/// Returns nodes of a deployment that is formed, and sessions with them.
fn nodes<const N: usize>() -> ([MemoryNode; N], Vec<Arc<dyn Session>>) {
    let nodes = MemoryNode::cluster::<N>();
    let open = |node: &MemoryNode| node.open(SessionOptions::new(Handle::current()));
    let sessions = nodes.iter().map(open).collect();
    (nodes, sessions)
}

fn unhinted(nodes: &[MemoryNode]) -> (Vec<Unhinted>, RedlockBuilder) {
    let nodes: Vec<_> = nodes
        .iter()
        .map(|node| Unhinted {
            node: node.clone(),
            acquires: Arc::default(),
        })
        .collect();
    (nodes.clone(), Redlock::builder().nodes(nodes))
}

fn key() -> Keys {
    Arc::<[u8]>::from(&b"a"[..]).into()
}

fn occupy(session: &Arc<dyn Session>, id: &str, waiter: Option<Waiter>) {
    let acquire = Acquire::new(key(), LeaseId::from(id), 600 * SECOND, Responder::ignored());
    session.submit(Command::Acquire(acquire.waiter(waiter)));
}

fn free(session: &Arc<dyn Session>, id: &str) {
    let gone_by = Moment::now().checked_add(SECOND).unwrap();
    let release = Release::new(key(), LeaseId::from(id), gone_by, Responder::ignored());
    session.submit(Command::Release(release));
}

/// Frees the lock at one node after another. Returns how long a waiter needs to acquire it.
async fn handoff<const N: usize>(down: usize, durability: usize) -> Duration {
    let (nodes, sessions) = nodes::<N>();
    drop(manager(&nodes).lock("b").await.unwrap());
    for session in &sessions {
        occupy(session, "holder", None);
    }
    let (_, builder) = unhinted(&nodes);
    let redlock = builder.token_durability(durability).build().unwrap();
    for node in &nodes[N - down..] {
        node.fault(Fault::Crash);
    }
    let waiter = tokio::spawn(redlock.lock("a").wait(600 * SECOND).into_future());
    tokio::time::sleep(SECOND).await;
    let watch = Stopwatch::start();
    for session in &sessions {
        free(session, "holder");
        tokio::time::sleep(MS / 5).await;
    }
    drop(waiter.await.unwrap().unwrap());
    watch.elapsed()
}

#[tokio::test(start_paused = true)]
async fn changes_at_one_node_after_another_are_all_looked_at() {
    for _ in 0..10 {
        let waits = [
            handoff::<2>(0, 1).await,
            handoff::<3>(0, 1).await,
            handoff::<3>(1, 1).await,
            handoff::<3>(0, 3).await,
            handoff::<4>(0, 1).await,
            handoff::<5>(1, 1).await,
        ];
        assert!(waits.iter().all(|wait| *wait < 50 * MS), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_kept_for_another_waiter_causes_no_tight_loop() {
    let (nodes, sessions) = nodes::<3>();
    drop(manager(&nodes).lock("b").await.unwrap());
    let hung = Arc::new(Hung);
    for (node, session) in sessions.iter().enumerate() {
        occupy(session, "holder", None);
        let waiter = Waiter::new(Watch::new(&hung, node), SECOND);
        occupy(session, "hung", Some(waiter));
    }
    let (counted, builder) = unhinted(&nodes);
    let redlock = builder.build().unwrap();
    let waiter = tokio::spawn(redlock.lock("a").wait(SECOND).into_future());
    tokio::time::sleep(300 * MS).await;
    let before = counted[0].acquires.load(Ordering::Relaxed);
    for session in &sessions {
        free(session, "holder");
    }
    // On paused time the request never ends unless it sleeps between the rounds.
    drop(waiter.await.unwrap().unwrap());
    let rounds = counted[0].acquires.load(Ordering::Relaxed) - before;
    assert!(rounds <= 5, "{rounds} rounds");
}
