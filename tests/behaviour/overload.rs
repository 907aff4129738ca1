//! Extensions of many locks at nodes that are too slow for them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock::node::{Command, MemoryNode, Node, NodeReport, Session, SessionOptions};
use redlock::{LockGuard, Redlock};

use crate::common::{MS, SECOND};

/// A node with a queue, from which the test takes the commands.
#[derive(Clone, Debug)]
struct SlowNode {
    node: MemoryNode,
    /// `None` while commands pass at once.
    queue: Arc<Mutex<Option<VecDeque<Command>>>>,
    session: Arc<Mutex<Option<Arc<dyn Session>>>>,
}

#[derive(Debug)]
struct SlowSession {
    session: Arc<dyn Session>,
    queue: Arc<Mutex<Option<VecDeque<Command>>>>,
}

impl SlowNode {
    fn new(node: MemoryNode) -> Self {
        Self {
            node,
            queue: Arc::default(),
            session: Arc::default(),
        }
    }

    fn begin_to_queue(&self) {
        *self.queue.lock().unwrap() = Some(VecDeque::new());
    }

    /// Carries out some of the queued commands.
    fn serve(&self, count: usize) {
        let session = self.session.lock().unwrap().clone().unwrap();
        for _ in 0..count {
            let command = self.queue.lock().unwrap().as_mut().unwrap().pop_front();
            match command {
                Some(command) if command.is_wanted() => session.submit(command),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Returns the number of queued commands that are wanted, and the largest number of those with one
    /// lease id.
    fn queued(&self) -> (usize, usize) {
        let queue = self.queue.lock().unwrap();
        let queue = queue.as_ref().unwrap();
        let mut of_lease = HashMap::new();
        let wanted = queue.iter().filter(|command| command.is_wanted());
        for command in wanted.clone() {
            let id = match command {
                Command::Extend(it) => &it.id,
                Command::Rearm(it) => &it.id,
                Command::Release(it) => &it.id,
                other => panic!("{other:?}"),
            };
            *of_lease.entry(id).or_insert(0) += 1;
        }
        (wanted.count(), of_lease.into_values().max().unwrap_or(0))
    }
}

impl Node for SlowNode {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        let session = self.node.open(options);
        *self.session.lock().unwrap() = Some(Arc::clone(&session));
        let queue = Arc::clone(&self.queue);
        Arc::new(SlowSession { session, queue })
    }
}

impl Session for SlowSession {
    fn submit(&self, command: Command) {
        if let Some(queue) = &mut *self.queue.lock().unwrap() {
            return queue.push_back(command);
        }
        self.session.submit(command);
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }
}

/// Takes locks at slow nodes, which queue commands from then on: `most_queued` for each lease at most.
async fn take(nodes: &[SlowNode], most_queued: usize) -> Held {
    let seed = rand::random();
    let builder = Redlock::builder().nodes(nodes.iter().cloned());
    let redlock = builder.rng_seed(seed).build().unwrap();
    let mut guards = Vec::new();
    for number in 0..LOCKS {
        guards.push(redlock.lock(format!("lock {number}")).await.unwrap());
    }
    nodes.iter().for_each(SlowNode::begin_to_queue);
    Held {
        seed,
        guards,
        most_queued,
    }
}

/// Serves the nodes for this time, at these rates per 100 ms. Returns the longest queue.
///
/// # Panics
///
/// If one node has more commands of a lease in its queue than it may have, or if a lock is lost.
async fn serve(nodes: &[SlowNode], rates: [usize; 3], time: Duration, held: &Held) -> usize {
    let mut longest = 0;
    for tick in 0..time.as_millis() / 100 {
        tokio::time::sleep(100 * MS).await;
        for (node, rate) in nodes.iter().zip(rates) {
            if tick % 10 == 0 {
                let (queued, of_lease) = node.queued();
                let (most, seed) = (held.most_queued, held.seed);
                assert!(of_lease <= most, "seed {seed}: {of_lease}");
                longest = longest.max(queued);
            }
            node.serve(rate);
        }
    }
    let count = held.guards.iter().filter(|guard| guard.is_held()).count();
    assert_eq!(count, held.guards.len(), "seed {}", held.seed);
    longest
}

struct Held {
    seed: u64,
    guards: Vec<LockGuard>,
    /// The largest number of commands of one lease in the queue of a node.
    most_queued: usize,
}

#[tokio::test(start_paused = true)]
async fn extensions_of_one_lock_do_not_pile_up() {
    let nodes: [SlowNode; 3] = MemoryNode::cluster().map(SlowNode::new);
    let held = take(&nodes, 1).await;
    // They take about 220 extensions per second. After a stall, 300 per second catch up.
    serve(&nodes, [0; 3], 12 * SECOND, &held).await;
    serve(&nodes, [30; 3], 60 * SECOND, &held).await;
    // And once the nodes are fast, few commands wait.
    serve(&nodes, [LOCKS; 3], 10 * SECOND, &held).await;
    let longest = serve(&nodes, [LOCKS; 3], 60 * SECOND, &held).await;
    assert!(longest < LOCKS / 4, "seed {}: {longest}", held.seed);
}

#[tokio::test(start_paused = true)]
async fn one_slow_node_costs_no_lock_and_the_others_nothing() {
    let nodes: [SlowNode; 3] = MemoryNode::cluster().map(SlowNode::new);
    // Another one every 15 seconds, as long as the first one could still confirm the lease.
    let held = take(&nodes, 2).await;
    serve(&nodes, [LOCKS, LOCKS, 1], 120 * SECOND, &held).await;
}

#[tokio::test(start_paused = true)]
async fn a_permanent_overload_serves_all_locks_in_turn() {
    let nodes: [SlowNode; 3] = MemoryNode::cluster().map(SlowNode::new);
    let held = take(&nodes, 1).await;
    // Two thirds of the extensions that the locks would make: one every 13 seconds. Each must be
    // confirmed within half of the ttl, because the next one follows its response.
    serve(&nodes, [15; 3], 120 * SECOND, &held).await;
}

const LOCKS: usize = 2_000;
