//! State that all sessions with one server share.

use std::sync::{Arc, Weak};

use crate::node::Command;
use crate::node::redis::connect::connector::Connector;
use crate::node::redis::protocol::invalidation::Invalidations;
use crate::node::redis::session::shared::Shared;
use crate::sync::Mutex;

/// State that all sessions with one server share.
pub(crate) struct Server {
    name: Arc<str>,
    connector: Connector,
    invalidations: Invalidations,
    /// The open sessions. One can send the releases that another left behind.
    sessions: Mutex<Vec<Weak<Shared>>>,
}

impl Server {
    pub(crate) fn new(name: Arc<str>, connector: Connector, invalidations: Invalidations) -> Self {
        Self {
            name,
            connector,
            invalidations,
            sessions: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(crate) fn invalidations(&self) -> &Invalidations {
        &self.invalidations
    }

    /// Adds an open session.
    pub(crate) fn add_session(&self, session: &Arc<Shared>) {
        let mut sessions = self.sessions.lock();
        sessions.retain(|other| other.strong_count() > 0);
        sessions.push(Arc::downgrade(session));
    }

    /// Queues a command in any session whose runtime is alive. Returns it if there is none.
    pub(crate) fn reroute(&self, mut command: Command) -> Option<Command> {
        let sessions = self.sessions.lock().clone();
        for session in sessions.iter().filter_map(Weak::upgrade) {
            command = session.submit(command)?;
        }
        Some(command)
    }
}
