//! Invalidations that a server pushes, and the watches that they notify.

use std::sync::{Arc, MutexGuard};

use deadpool_redis::redis::{PushInfo, PushKind, Value};

use crate::node::watch;
use crate::node::watch::{Watch, Watches};
use crate::sync::Mutex;

/// The watches of keys on one server, which its invalidations notify.
///
/// A server tracks the keys that a connection has read, and pushes one invalidation when such a key
/// changes. The cause can be a release by any client, an extension, an expiry or a flush. A refused
/// acquire thereby registers for the key, and an invalidation means: try again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invalidations(Arc<Mutex<Watches>>);

impl Invalidations {
    /// Adds a watch. Called before the server is requested to track the keys.
    pub(crate) fn register(&self, keys: &[Arc<[u8]>], watch: &Watch) {
        self.lock().add(keys, watch);
    }

    /// Handles a message that the server pushed. Never blocks.
    pub(crate) fn on_push(&self, push: &PushInfo) {
        match (&push.kind, push.data.first()) {
            (PushKind::Invalidate, Some(Value::Array(keys))) => {
                for key in keys {
                    if let Value::BulkString(key) = key {
                        let watches = self.lock().take(key);
                        watch::notify_all(&watches);
                    }
                }
            }
            // All keys were deleted, or the connection ended and further invalidations are lost.
            (PushKind::Invalidate | PushKind::Disconnection, _) => self.notify_all(),
            _ => {}
        }
    }

    /// Notifies all watches: invalidations may have been lost.
    pub(crate) fn notify_all(&self) {
        let watches = self.lock().take_all();
        watch::notify_all(&watches);
    }

    fn lock(&self) -> MutexGuard<'_, Watches> {
        self.0.lock()
    }
}
