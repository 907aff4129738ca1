//! The shutdown of a manager.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A flag that a manager is shut down, which tasks can wait for.
#[derive(Debug, Default)]
pub(crate) struct ShutdownSignal {
    is_closed: AtomicBool,
    notify: Notify,
}

impl ShutdownSignal {
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Waits until the manager is shut down. Cancel safe.
    pub(crate) async fn closed(&self) {
        // Registered before the flag is read, so that no notification is missed.
        let notify = self.notify.notified();
        if !self.is_closed() {
            notify.await;
        }
    }
}
