//! A node that records its commands, and an example of a custom [`Node`].

use std::sync::{Arc, Mutex};

use redlock::Redlock;
use redlock::node::{
    Command, MemoryNode, Node, NodeReport, Rearm, Responder, Session, SessionOptions,
};

use crate::common::MS;

/// Records each command and passes it on to a node in memory.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    node: MemoryNode,
    log: Arc<Mutex<Vec<Note>>>,
}

/// A recorded command, reduced to the fields that tests compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Acquire { id: String, contended: bool },
    Extend { id: String },
    Raise { token: u64 },
    Rearm { id: String },
    Release { id: String },
}

impl Recorder {
    pub(crate) fn new(node: &MemoryNode) -> Self {
        Self {
            node: node.clone(),
            log: Arc::default(),
        }
    }

    /// Returns the commands recorded since the last call.
    pub(crate) fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

impl Node for Recorder {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        let session = self.node.open(options);
        Arc::new(RecordingSession {
            session,
            log: Arc::clone(&self.log),
        })
    }
}

#[derive(Debug)]
struct RecordingSession {
    session: Arc<dyn Session>,
    log: Arc<Mutex<Vec<Note>>>,
}

impl Session for RecordingSession {
    fn submit(&self, command: Command) {
        let note = match &command {
            Command::Acquire(it) => Some(Note::Acquire {
                id: it.id.to_string(),
                contended: it.contended,
            }),
            Command::Extend(it) => Some(Note::Extend {
                id: it.id.to_string(),
            }),
            Command::Raise(it) => Some(Note::Raise { token: it.token }),
            Command::Rearm(it) => Some(Note::Rearm {
                id: it.id.to_string(),
            }),
            Command::Release(it) => Some(Note::Release {
                id: it.id.to_string(),
            }),
            _ => None,
        };
        self.log.lock().unwrap().extend(note);
        self.session.submit(as_sent(command));
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }

    fn notifies(&self) -> bool {
        self.session.notifies()
    }

    fn hints(&self) -> bool {
        self.session.hints()
    }
}

/// Returns a re-arm as a server receives it: once it is in flight, it is carried out even if its lease
/// has ended meanwhile.
fn as_sent(command: Command) -> Command {
    let Command::Rearm(it) = command else {
        return command;
    };
    let responder = Mutex::new(Some(it.responder));
    let responder = Responder::from_fn(move |response| {
        let responder = responder.lock().unwrap().take();
        responder
            .expect("a command has one response")
            .send(response);
    });
    let sent = Rearm::new(it.keys, it.id, it.ttl, responder);
    Command::Rearm(sent.fence(it.fence).record(it.record))
}

/// Returns a manager, and the nodes that record its commands.
pub(crate) fn recorded(nodes: &[MemoryNode]) -> (Vec<Recorder>, Redlock) {
    let recorders: Vec<_> = nodes.iter().map(Recorder::new).collect();
    let builder = Redlock::builder().nodes(recorders.clone());
    (
        recorders,
        builder.retry_count(3).retry_delay(20 * MS).build().unwrap(),
    )
}
