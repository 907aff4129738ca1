//! A node that records its commands.

use std::sync::{Arc, Mutex};

use redlock::Redlock;
use redlock::node::{Command, MemoryNode, Node, Session, SessionOptions};

use crate::common::MS;
use crate::hooked::{Hooked, in_flight};

/// Records each command and passes it on to a node in memory.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    node: Hooked,
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
        let log = Arc::<Mutex<Vec<_>>>::default();
        let notes = Arc::clone(&log);
        let node = Hooked::new(node, move |command| {
            notes.lock().unwrap().extend(note(&command));
            as_sent(command)
        });
        Self { node, log }
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
        self.node.open(options)
    }
}

fn note(command: &Command) -> Option<Note> {
    match command {
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
    }
}

/// Returns a re-arm as a server receives it: once it is in flight, it is carried out even if its lease
/// has ended meanwhile.
fn as_sent(command: Command) -> Command {
    match command {
        Command::Rearm(mut it) => {
            it.responder = in_flight(it.responder);
            Command::Rearm(it)
        }
        other => other,
    }
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
