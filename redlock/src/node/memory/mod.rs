//! A node in this process: for tests, examples, and locks among the tasks of one process.

mod contending;
mod fault;
mod identity;
mod queue;
mod session;
mod shared;
mod store;
mod waiting;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

pub use self::fault::Fault;
use self::session::MemorySession;
use self::shared::{Shared, State};
use crate::node::{Node, Session, SessionOptions};

/// A node that keeps its keys in this process.
///
/// It is a second implementation of the contract of [`Node`], not a mock: it expires keys, refuses
/// foreign ids and keeps the order of commands as a server does. It uses Tokio's clock, so a test
/// on paused time covers minutes of leases in milliseconds. [`fault`](Self::fault) makes it fail as
/// servers do.
///
/// A clone is another handle to the same node.
///
/// # Examples
///
/// A lock survives the crash of one of three nodes:
///
/// ```
/// use redlock::node::{Fault, MemoryNode};
/// use redlock::Redlock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let nodes = MemoryNode::cluster::<3>();
/// let redlock = Redlock::builder().nodes(nodes.clone()).build()?;
/// nodes[0].fault(Fault::Crash);
/// let guard = redlock.lock("report").await?;
/// assert!(guard.is_held());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryNode(Arc<Shared>);

impl MemoryNode {
    /// Creates an empty node.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Self::named(format!("memory-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Creates an empty node with a name, which appears in reports and errors.
    #[must_use]
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Shared::new(name.into(), true)))
    }

    /// Creates an empty node with a name. Like a server, it does not know whether it has lost data.
    ///
    /// Managers keep an [identity record](crate::guide::operations#the-identity-record) on it. The
    /// first lock on such nodes takes a second, in which the records are written. Other nodes in
    /// memory know when they were [wiped](Self::wipe), and need no record.
    #[must_use]
    pub fn like_a_server(name: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Shared::new(name.into(), false)))
    }

    /// Creates `N` empty nodes.
    #[must_use]
    pub fn cluster<const N: usize>() -> [Self; N] {
        std::array::from_fn(|_| Self::new())
    }

    /// Sets the node's fault, which replaces any other. `None` heals the node.
    ///
    /// When it is healed, commands that the fault held back are carried out in order.
    pub fn fault(&self, fault: impl Into<Option<Fault>>) {
        let fault = fault.into();
        let previous = std::mem::replace(&mut self.lock().fault, fault);
        self.0.changed.notify_waiters();
        if previous.is_some() && fault.is_none() {
            self.0.report_connected();
        }
    }

    /// Deletes all keys and counters, as a restart does on a server without persistence.
    ///
    /// The node is then in [quarantine](crate::RedlockBuilder::restart_quarantine) for `max_ttl`. A
    /// test that needs it back at once turns that off.
    pub fn wipe(&self) {
        {
            let mut state = self.lock();
            state.forget_all();
            state.identity = state.identity.after_loss();
        }
        self.0.notify_all();
        self.0.report_connected();
    }

    /// Restarts the node with all its data, as another process.
    ///
    /// A node [like a server](Self::like_a_server) cannot show that it lost nothing, so it is then in
    /// [quarantine](crate::RedlockBuilder::restart_quarantine). Other nodes in memory vote at once.
    pub fn restart(&self) {
        {
            let mut state = self.lock();
            state.identity = state.identity.after_restart();
        }
        self.0.notify_all();
        self.0.report_connected();
    }

    /// Deletes all keys and counters under live connections, as `FLUSHALL` does.
    ///
    /// The node is then in [quarantine](crate::RedlockBuilder::restart_quarantine), as after
    /// [`wipe`](Self::wipe).
    pub fn flush(&self) {
        {
            let mut state = self.lock();
            state.forget_all();
            state.identity = state.identity.after_flush();
        }
        self.0.notify_all();
    }

    /// Deletes all keys, but not the counters of the fencing tokens, as if every lock had expired
    /// early. The node has a vote at once.
    pub fn forget_keys(&self) {
        self.lock().store.forget_keys();
        self.0.notify_all();
    }

    /// Moves the node's clock forward, so that every key expires that much earlier.
    pub fn skip(&self, ahead: Duration) {
        self.lock().store.skip(ahead);
        self.0.notify_all();
    }

    /// Returns the number of keys that have not expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().store.len()
    }

    /// Whether there is no key that has not expired.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Default for MemoryNode {
    fn default() -> Self {
        Self::new()
    }
}

impl Node for MemoryNode {
    fn name(&self) -> Arc<str> {
        Arc::clone(self.0.name())
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        if let Some(events) = &options.events {
            self.0.observe(events.clone());
        }
        Arc::new(MemorySession::new(Arc::clone(&self.0), options))
    }
}

impl fmt::Debug for MemoryNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNode")
            .field("name", self.0.name())
            .finish_non_exhaustive()
    }
}
