//! Nodes that differ from those in memory.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock::node::{
    Command, Identified, Node, NodeReport, NodeResult, Responder, Session, SessionOptions,
};
use redlock::{MemoryNode, NodeError, NodeErrorKind, Redlock};

use crate::common::SECOND;

/// How a server of these tests differs from one in memory.
#[derive(Debug, Default)]
pub(crate) struct Quirks {
    /// Whether it pushes nothing, like one behind a proxy, or without the right to `CLIENT`.
    pub(crate) is_untracked: AtomicBool,
    /// Whether it makes no change of the record, although it responds: its `INFO` within scripts
    /// has no run id, or another one.
    pub(crate) ignores_changes: AtomicBool,
    /// Whether it refuses changes of the record, because it is out of memory.
    pub(crate) is_full: AtomicBool,
    /// The run id that the node shows instead of its own, `-` for none.
    pub(crate) shown: Mutex<Option<&'static str>>,
    run_id: Mutex<Option<Arc<str>>>,
    /// Whether the manager is cut off.
    pub(crate) is_cut: AtomicBool,
    /// Whether responses to identifications are lost.
    pub(crate) loses: AtomicBool,
    pub(crate) identified: AtomicUsize,
}

#[derive(Clone, Debug)]
pub(crate) struct Quirky {
    pub(crate) node: MemoryNode,
    pub(crate) quirks: Arc<Quirks>,
}

impl Node for Quirky {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        Arc::new(QuirkySession {
            session: self.node.open(options),
            quirks: Arc::clone(&self.quirks),
        })
    }
}

#[derive(Debug)]
struct QuirkySession {
    session: Arc<dyn Session>,
    pub(crate) quirks: Arc<Quirks>,
}

/// The number of identifications after which a storm is stopped, so that the test ends.
const STORM: usize = 10_000;

impl Session for QuirkySession {
    fn submit(&self, mut command: Command) {
        let quirks = &self.quirks;
        if quirks.is_cut.load(Ordering::SeqCst) {
            let error = NodeError::unsent(NodeErrorKind::Unreachable, "cut off");
            return command.fail(error);
        }
        if let Command::Identify(it) = &mut command {
            if quirks.identified.fetch_add(1, Ordering::SeqCst) > STORM {
                return;
            }
            if quirks.loses.load(Ordering::SeqCst) {
                std::mem::forget(command);
                return;
            }
            if quirks.is_untracked.load(Ordering::SeqCst) {
                it.watch = None;
            }
            if let Some(change) = &mut it.change
                && quirks.shown.lock().unwrap().is_some()
            {
                change.run_id.clone_from(&*quirks.run_id.lock().unwrap());
            }
            let quirks_of_response = Arc::clone(quirks);
            let responder = std::mem::replace(&mut it.responder, Responder::ignored());
            let responder = Mutex::new(Some(responder));
            it.responder = Responder::from_fn(move |result: NodeResult<Identified>| {
                let result = result.map(|mut it| {
                    let quirks = &quirks_of_response;
                    quirks.run_id.lock().unwrap().clone_from(&it.run_id);
                    if let Some(shown) = *quirks.shown.lock().unwrap() {
                        it.run_id = (shown != "-").then(|| shown.into());
                    }
                    it
                });
                let responder = responder.lock().unwrap().take();
                responder.unwrap().send(result);
            });
            if quirks.ignores_changes.load(Ordering::SeqCst) {
                it.change = None;
            }
            if quirks.is_full.load(Ordering::SeqCst) && it.change.is_some() {
                let text = "OOM command not allowed when used memory > 'maxmemory'";
                return command.fail(NodeError::new(NodeErrorKind::Server, text));
            }
        }
        self.session.submit(command);
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }
}

pub(crate) fn servers() -> [Quirky; 3] {
    std::array::from_fn(|index| Quirky {
        node: MemoryNode::like_a_server(format!("server-{index}")),
        quirks: Arc::default(),
    })
}

pub(crate) fn manager(nodes: &[Quirky], max_ttl: Duration) -> Redlock {
    let nodes = nodes.iter().cloned();
    let builder = Redlock::builder().nodes(nodes).ttl(5 * SECOND);
    builder.max_ttl(max_ttl).build().unwrap()
}
