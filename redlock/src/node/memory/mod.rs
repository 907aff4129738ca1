//! A node in this process: for tests, examples, and locks among the tasks of one process.

mod fault;
mod queue;
mod session;
mod store;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

pub use self::fault::Fault;
use self::session::MemorySession;
use self::store::Store;
use crate::node::watch;
use crate::node::watch::Watches;
use crate::node::{Node, Session};

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
pub struct MemoryNode(Arc<Inner>);

/// What all handles to one node share.
struct Inner {
    name: Arc<str>,
    state: Mutex<State>,
    /// Told when the fault changes, or when a queue needs to be looked at again.
    changed: Notify,
}

#[derive(Default)]
struct State {
    store: Store,
    watches: Watches,
    fault: Option<Fault>,
}

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
        Self(Arc::new(Inner {
            name: name.into(),
            state: Mutex::default(),
            changed: Notify::new(),
        }))
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
        self.tell_all();
    }

    /// Deletes all keys and keeps the counters behind the fencing tokens, as if every lock had
    /// expired early.
    pub fn forget_keys(&self) {
        self.lock().store.forget_keys();
        self.tell_all();
    }

    /// Lets the node's clock jump ahead, so that every key expires that much earlier.
    pub fn skip(&self, ahead: Duration) {
        self.lock().store.skip(ahead);
        self.tell_all();
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

    /// Tells everybody who waits for any key.
    fn tell_all(&self) {
        let watches = self.lock().watches.take_all();
        watch::tell(&watches);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A state is whole between any two statements that could panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryNode {
    fn default() -> Self {
        Self::new()
    }
}

impl Node for MemoryNode {
    fn name(&self) -> Arc<str> {
        Arc::clone(&self.0.name)
    }

    fn open(&self, runtime: &Handle, patience: Duration) -> Arc<dyn Session> {
        Arc::new(MemorySession::new(self.clone(), runtime.clone(), patience))
    }
}

impl fmt::Debug for MemoryNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNode")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
