//! State that all sessions with one server share.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::redis::connect::connector::Connector;
use crate::node::redis::protocol::invalidation::Invalidations;
use crate::node::redis::session::pending_releases::LeftBehind;
use crate::node::redis::session::shared;
use crate::node::redis::session::shared::Shared;
use crate::node::{Command, Release, Responder};
use crate::sync::Mutex;
use crate::time::clock::Moment;

/// State that all sessions with one server share.
pub(crate) struct Server {
    name: Arc<str>,
    connector: Connector,
    invalidations: Invalidations,
    /// The open sessions. One can send the releases that another left behind.
    sessions: Mutex<Vec<Weak<Shared>>>,
    /// What ended sessions left while there was no other.
    left_behind: Mutex<LeftBehind>,
}

impl Server {
    pub(crate) fn new(name: Arc<str>, connector: Connector, invalidations: Invalidations) -> Self {
        Self {
            name,
            connector,
            invalidations,
            sessions: Mutex::default(),
            left_behind: Mutex::default(),
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

    /// Passes a release to all open sessions, and keeps it for the next connection of any. Its caller
    /// receives an error.
    ///
    /// One would do, but a session may be that of a runtime that nothing drives, and a release may be sent
    /// twice.
    pub(crate) fn leave_behind(&self, mut release: Release) {
        let responder = std::mem::replace(&mut release.responder, Responder::ignored());
        // The contender is gone with its runtime.
        release.requeue = None;
        let sessions = {
            // Locked before the sessions are listed: one that opens and takes what was left in between would
            // get the release neither here nor there.
            let mut left_behind = self.left_behind.lock();
            left_behind.add(release.copy());
            self.sessions.lock().clone()
        };
        for session in sessions.iter().filter_map(Weak::upgrade) {
            let _ended = session.submit_for_another(Command::Release(release.copy()));
        }
        let ended = shared::ended();
        // Not as unsent: the release will be sent.
        responder.send(Err(NodeError::new(ended.kind(), ended.message())));
    }

    /// Keeps the acquires of an ended session that the server may still carry out.
    pub(crate) fn leave_unsettled(&self, unsettled: HashMap<LeaseId, Moment>) {
        self.left_behind.lock().add_unsettled(unsettled);
    }

    /// Whether ended sessions have left releases.
    pub(crate) fn has_left_behind(&self) -> bool {
        !self.left_behind.lock().is_empty()
    }

    pub(crate) fn take_left_behind(&self) -> LeftBehind {
        std::mem::take(&mut *self.left_behind.lock())
    }
}
