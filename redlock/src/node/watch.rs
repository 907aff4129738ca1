//! The way a node tells that it is worth another look.

use std::fmt;
use std::sync::{Arc, Weak};

/// Whoever waits for keys that others have.
pub trait Watcher: Send + Sync {
    /// The node at position `node` may have let go of a key. Called on any thread, and any number
    /// of times; must not block.
    fn stirred(&self, node: usize);
}

/// Whom to tell when a key may be free: a registration that ends by itself when nobody waits any
/// more.
#[derive(Clone)]
pub struct Watch {
    watcher: Weak<dyn Watcher>,
    node: usize,
}

impl Watch {
    /// Tells `watcher`, for as long as it lives, about the node at position `node`.
    #[must_use]
    pub fn new<W: Watcher + 'static>(watcher: &Arc<W>, node: usize) -> Self {
        let watcher = Arc::downgrade(watcher);
        Self { watcher, node }
    }

    /// Tells that the key may be free. Says whether anybody heard it.
    pub fn tell(&self) -> bool {
        let Some(watcher) = self.watcher.upgrade() else {
            return false;
        };
        watcher.stirred(self.node);
        true
    }

    /// Whether anybody waits.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.watcher.strong_count() > 0
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("node", &self.node)
            .field("is_live", &self.is_live())
            .finish()
    }
}
