//! State of one node, shared by its handles and sessions.

use std::sync::{Arc, MutexGuard};

use tokio::sync::Notify;

use crate::node::SessionEvents;
use crate::node::memory::fault::Fault;
use crate::node::memory::identity::NodeIdentity;
use crate::node::memory::store::Store;
use crate::node::memory::waiting::WaitingLists;
use crate::node::watch;
use crate::node::watch::Watches;
use crate::sync::Mutex;

/// State that all handles to one node share.
pub(super) struct Shared {
    name: Arc<str>,
    state: Mutex<State>,
    /// Notified when the fault changes, or when a command joins a queue that a task is draining.
    pub(super) changed: Notify,
}

pub(super) struct State {
    pub(super) store: Store,
    pub(super) identity: NodeIdentity,
    pub(super) watches: Watches,
    pub(super) waiting: WaitingLists,
    /// The watches of the identity record. Notified first: who counts on a key must know whether the
    /// node has lost its data.
    pub(super) record_watches: Watches,
    pub(super) fault: Option<Fault>,
    /// The receivers of the events of all sessions.
    pub(super) events: Vec<SessionEvents>,
}

impl State {
    /// Deletes keys, counters and waiting lists.
    pub(super) fn forget_all(&mut self) {
        self.store = Store::default();
        self.waiting = WaitingLists::default();
    }
}

impl Shared {
    pub(super) fn new(name: Arc<str>, knows_losses: bool) -> Self {
        Self {
            name,
            state: Mutex::new(State {
                store: Store::default(),
                identity: NodeIdentity::new(knows_losses),
                watches: Watches::default(),
                waiting: WaitingLists::default(),
                record_watches: Watches::default(),
                fault: None,
                events: Vec::new(),
            }),
            changed: Notify::new(),
        }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Adds the receiver of a session's events.
    pub(super) fn observe(&self, events: SessionEvents) {
        let mut state = self.lock();
        state.events.retain(SessionEvents::is_live);
        state.events.push(events);
    }

    /// Reports a new connection in all sessions, as after a restart.
    pub(super) fn report_connected(&self) {
        let events = self.lock().events.clone();
        events.iter().for_each(SessionEvents::connected);
    }

    /// Notifies the watches of all keys.
    pub(super) fn notify_all(&self) {
        let (first, others) = {
            let mut state = self.lock();
            (state.record_watches.take_all(), state.watches.take_all())
        };
        watch::notify_all(&first);
        watch::notify_all(&others);
    }
}
