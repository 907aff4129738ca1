//! Nodes that are late in raising a token's counter.

use std::sync::{Arc, Mutex};

use redlock::node::{Command, Fault, Node, NodeReport, Session, SessionOptions};
use redlock::{
    FencingToken, LockGuard, LossReason, MemoryNode, NodeError, NodeErrorKind, Redlock,
    RedlockBuilder,
};

use crate::common::{SECOND, holding};
use crate::fencing::{AHEAD, diverge};

/// A node that holds back its raises until they are let through.
#[derive(Clone, Debug)]
struct LateRaises {
    node: MemoryNode,
    held_back: Arc<Mutex<Vec<Command>>>,
}

impl LateRaises {
    fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.held_back.lock().unwrap())
    }
}

impl Node for LateRaises {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        Arc::new(LateSession {
            session: self.node.open(options),
            held_back: Arc::clone(&self.held_back),
        })
    }
}

#[derive(Debug)]
struct LateSession {
    session: Arc<dyn Session>,
    held_back: Arc<Mutex<Vec<Command>>>,
}

impl Session for LateSession {
    fn submit(&self, command: Command) {
        if let Command::Raise(_) = command {
            self.held_back.lock().unwrap().push(command);
        } else {
            self.session.submit(command);
        }
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }
}

/// Returns the first node with late raises, and the builder of a manager. The counters of the nodes
/// differ, so two of them have to be raised.
fn with_late_node(nodes: &[MemoryNode; 3]) -> (LateRaises, RedlockBuilder) {
    diverge(nodes, &[AHEAD + 5, AHEAD + 7, AHEAD + 9]);
    let late = LateRaises {
        node: nodes[0].clone(),
        held_back: Arc::default(),
    };
    let builder = Redlock::builder().node(late.clone());
    (late, builder.nodes(nodes[1..].iter().cloned()))
}

/// Acquires a lock on three nodes, two of which have to be raised. The first is late in that.
async fn late_in_a_raise() -> ([MemoryNode; 3], LateRaises, LockGuard) {
    let nodes = MemoryNode::cluster::<3>();
    let (late, builder) = with_late_node(&nodes);
    let redlock = builder.build().unwrap();
    let guard = redlock.lock("a").auto_extend(false).await.unwrap();
    assert_eq!(guard.token(), FencingToken::new(AHEAD + 10));
    assert_eq!(late.held_back.lock().unwrap().len(), 1);
    (nodes, late, guard)
}

/// Removes the keys of the second node, while the first does not confirm anything.
async fn without_the_second(nodes: &[MemoryNode; 3], guard: &LockGuard) -> bool {
    nodes[0].fault(Fault::LoseReplies);
    nodes[1].forget_keys();
    guard.extend(30 * SECOND).await.unwrap_err();
    guard.is_held()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_late_in_a_raise_still_holds_the_lease() {
    let respond: [fn(Command, &MemoryNode); 3] = [
        |raise, _| drop(raise),
        |raise, _| raise.fail(NodeError::new(NodeErrorKind::Disconnected, "")),
        |raise, node| {
            let options = SessionOptions::new(tokio::runtime::Handle::current());
            node.open(options).submit(raise);
        },
    ];
    for respond in respond {
        let (nodes, late, guard) = late_in_a_raise().await;
        for raise in late.take() {
            respond(raise, &late.node);
        }
        assert!(without_the_second(&nodes, &guard).await);
        nodes[0].fault(None);
        guard.extend(30 * SECOND).await.unwrap();
        assert_eq!(guard.token(), FencingToken::new(AHEAD + 10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_raise_that_finds_no_key_removes_the_node() {
    let (nodes, late, guard) = late_in_a_raise().await;
    nodes[0].forget_keys();
    let options = SessionOptions::new(tokio::runtime::Handle::current());
    let session = late.node.open(options);
    late.take()
        .into_iter()
        .for_each(|raise| session.submit(raise));
    assert!(guard.is_held(), "two of three nodes hold it");
    assert!(!without_the_second(&nodes, &guard).await);
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_raise_that_fails_keeps_the_node_out_of_the_token_only() {
    let nodes = MemoryNode::cluster::<3>();
    let (_late, builder) = with_late_node(&nodes);
    // The token needs all three counters.
    let redlock = builder.token_durability(3).build().unwrap();
    let refused = redlock.try_lock("a").await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    assert_eq!(refused.failures().len(), 1);
    assert_eq!(refused.failures()[0].node(), &*nodes[0].name());
    assert_eq!(holding(&nodes), 0, "its grant is released too");
}
