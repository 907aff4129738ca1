//! Options of a session, and the events that it reports.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::node::session_group::SessionGroup;

/// Options of a [`Session`](crate::node::Session).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionOptions {
    /// The runtime on which the session runs its tasks.
    pub runtime: Handle,
    /// The time a node may be silent with commands in flight. Beyond it, commands fail at once
    /// until the node responds again.
    pub silence_limit: Duration,
    /// The receiver of the session's events, if there is one.
    pub events: Option<SessionEvents>,
    /// The sessions that share a task with this one.
    group: Option<SessionGroup>,
}

/// An observer of the sessions with several nodes.
pub trait SessionObserver: Send + Sync {
    /// The session with the node at position `node` has a new connection. The node may have been
    /// down or cut off, and may have lost its data. Called on any thread; must not block.
    fn connected(&self, node: usize);
}

/// The way from a session to its observer. It ends with the observer.
#[derive(Clone)]
pub struct SessionEvents {
    observer: Weak<dyn SessionObserver>,
    node: usize,
}

impl SessionEvents {
    /// Reports the events of the node at position `node` to `observer`, for as long as it lives.
    #[must_use]
    pub fn new<O: SessionObserver + 'static>(observer: &Arc<O>, node: usize) -> Self {
        let observer = Arc::downgrade(observer);
        Self { observer, node }
    }

    /// Reports a new connection. A node of your own calls it whenever commands can be carried out
    /// again after they could not.
    pub fn connected(&self) {
        if let Some(observer) = self.observer.upgrade() {
            observer.connected(self.node);
        }
    }

    /// Whether the observer still exists.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.observer.strong_count() > 0
    }
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEvents")
            .field("node", &self.node)
            .field("is_live", &self.is_live())
            .finish()
    }
}

impl SessionOptions {
    /// Creates options for a session on `runtime`, with a silence limit of 1 s.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            silence_limit: Duration::from_secs(1),
            events: None,
            group: None,
        }
    }

    /// Sets the sessions with which this one shares a task.
    pub(crate) fn group(mut self, group: &SessionGroup) -> Self {
        self.group = Some(group.clone());
        self
    }

    /// Spawns the task of a session, or lets it share one.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match &self.group {
            Some(group) => group.add(&self.runtime, work),
            None => drop(self.runtime.spawn(work)),
        }
    }

    /// Sets the time a node may be silent with commands in flight.
    ///
    /// Default: 1 s. A manager uses three node timeouts, and at least 1 s.
    #[must_use]
    pub fn silence_limit(mut self, silence_limit: Duration) -> Self {
        self.silence_limit = silence_limit;
        self
    }

    /// Sets the receiver of the session's events.
    ///
    /// Default: none. A manager identifies a node that comes back, and extends its leases there early.
    #[must_use]
    pub fn events(mut self, events: SessionEvents) -> Self {
        self.events = Some(events);
        self
    }
}
