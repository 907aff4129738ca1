//! What a server says without being asked.

use std::sync::{Arc, MutexGuard};

use deadpool_redis::redis::{PushInfo, PushKind, Value};

use crate::node::watch;
use crate::node::watch::{Watch, Watches};
use crate::sync::Mutex;

/// Who waits for keys of a server that others have.
///
/// A server remembers which keys a connection has read and says once when one of them changes, for
/// whatever reason: a release by anybody in any language, an extension, an expiry, a flush. So an
/// attempt that was refused is itself the registration, and what comes means *look again*.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invalidations(Arc<Mutex<Watches>>);

impl Invalidations {
    /// Notes who is to be told, before the server is asked to.
    pub(crate) fn register(&self, keys: &[Arc<[u8]>], watch: &Watch) {
        self.lock().add(keys, watch);
    }

    /// Understands what a server says. Never blocks.
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
            // Everything was deleted; or the connection has ended, and what it would have told.
            (PushKind::Invalidate | PushKind::Disconnection, _) => self.notify_all(),
            _ => {}
        }
    }

    /// Tells everybody: there may be news that the server could not tell.
    pub(crate) fn notify_all(&self) {
        let watches = self.lock().take_all();
        watch::notify_all(&watches);
    }

    fn lock(&self) -> MutexGuard<'_, Watches> {
        self.0.lock()
    }
}
