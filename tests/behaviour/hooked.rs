//! A node whose commands pass through a function first, and an example of a custom [`Node`].

use std::fmt;
use std::sync::{Arc, Mutex};

use redlock::node::{Command, MemoryNode, Node, NodeReport, Responder, Session, SessionOptions};

/// A node in memory, behind a function that sees and may change each command.
#[derive(Clone)]
pub(crate) struct Hooked {
    node: MemoryNode,
    hook: Hook,
}

type Hook = Arc<dyn Fn(Command) -> Command + Send + Sync>;

impl Hooked {
    pub(crate) fn new(
        node: &MemoryNode,
        hook: impl Fn(Command) -> Command + Send + Sync + 'static,
    ) -> Self {
        Self {
            node: node.clone(),
            hook: Arc::new(hook),
        }
    }
}

impl Node for Hooked {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        Arc::new(HookedSession {
            session: self.node.open(options),
            hook: Arc::clone(&self.hook),
        })
    }
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

struct HookedSession {
    session: Arc<dyn Session>,
    hook: Hook,
}

impl Session for HookedSession {
    fn submit(&self, command: Command) {
        self.session.submit((self.hook)(command));
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

impl fmt::Debug for HookedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}

/// Returns a responder that wants its command to be carried out even if the lease has ended, as that of
/// a command in flight to a server.
pub(crate) fn in_flight<T: Send + 'static>(responder: Responder<T>) -> Responder<T> {
    let responder = Mutex::new(Some(responder));
    Responder::from_fn(move |response| {
        let responder = responder.lock().unwrap().take();
        responder
            .expect("a command has one response")
            .send(response);
    })
}
