//! A node in this process: for tests, examples, and locks among the tasks of one process.

mod fault;
mod queue;
mod session;
mod shared;
mod store;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

pub use self::fault::Fault;
use self::session::MemorySession;
use self::shared::{Shared, State};
use self::store::Store;
use crate::node::{Node, Session, SessionOptions};

/// A node that keeps its keys in this process.
///
/// A second implementation of the contract of [`Node`], not a mock: it expires keys, refuses
/// foreign ids and keeps the order of commands as a server does, by Tokio's clock, so that a test
/// on paused time runs through minutes of leases in milliseconds. [`fault`](Self::fault) makes it
/// fail in the ways servers fail.
///
/// Cloning gives another handle to the same node.
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
    /// An empty node.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Self::named(format!("memory-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// An empty node with a name of your choice, which stands for it in reports and errors.
    #[must_use]
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Shared::new(name.into())))
    }

    /// `N` empty nodes.
    #[must_use]
    pub fn cluster<const N: usize>() -> [Self; N] {
        std::array::from_fn(|_| Self::new())
    }

    /// Makes the node fail in one way, instead of any other it failed in; `None` heals it.
    ///
    /// Commands that were held back by the fault are carried out, in order, when it is healed.
    pub fn fault(&self, fault: impl Into<Option<Fault>>) {
        self.lock().fault = fault.into();
        self.0.changed.notify_waiters();
    }

    /// Deletes all keys, as a server without persistence does when it restarts.
    pub fn wipe(&self) {
        self.lock().store = Store::default();
        self.0.notify_all();
    }

    /// Deletes all keys and keeps the counters behind the fencing tokens, as if every lock had
    /// expired early.
    pub fn forget_keys(&self) {
        self.lock().store.forget_keys();
        self.0.notify_all();
    }

    /// Lets the node's clock jump ahead, so that every key expires that much earlier.
    pub fn skip(&self, ahead: Duration) {
        self.lock().store.skip(ahead);
        self.0.notify_all();
    }

    /// The number of keys that have not expired.
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
