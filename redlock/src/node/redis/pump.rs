//! The work that a connection needs to have done.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use tokio::sync::Notify;
use tokio::task::coop;

/// Moves bytes between a connection's socket and those who use the connection.
///
/// It is done by the session's own task: a task for it alone would be one more to wake, on each
/// round trip and in both directions. To drop it closes the socket.
pub(super) struct Pump {
    /// `None` if the connection has a task of its own, or has ended.
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_ours: bool,
    /// Whether there may be something to do.
    is_due: bool,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
}

/// Rung when there may be something to do. What rings it while the task is awake, because the task
/// itself gave the reason, does not wake the task once more.
#[derive(Debug, Default)]
struct Bell(Notify);

impl Pump {
    /// The work of a connection whose socket is ours.
    pub(super) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            work: Some(Box::pin(work)),
            is_ours: true,
            ..Self::elsewhere()
        }
    }

    /// The connection has a task of its own.
    pub(super) fn elsewhere() -> Self {
        let bell = Arc::<Bell>::default();
        Self {
            work: None,
            is_ours: false,
            is_due: true,
            waker: Waker::from(Arc::clone(&bell)),
            bell,
        }
    }

    /// Does what is to be done, once there is something. Cancel safe.
    pub(super) async fn turn(&mut self) {
        if !self.is_due {
            self.bell.0.notified().await;
            self.is_due = true;
        }
        coop::consume_budget().await;
        self.is_due = false;
        if let Some(work) = &mut self.work
            && work
                .as_mut()
                .poll(&mut Context::from_waker(&self.waker))
                .is_ready()
        {
            // That it has ended shows when the connection is used.
            self.work = None;
        }
    }

    /// Waits for `future`, which needs the connection. Cancel safe if `future` is.
    pub(super) async fn alongside<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = self.turn() => {}
            }
        }
    }

    /// What to poll with that becomes ready by this work, between two turns of it.
    pub(super) fn waker(&self) -> &Waker {
        if self.is_ours {
            Waker::noop()
        } else {
            &self.waker
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify_one();
    }
}

impl fmt::Debug for Pump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump")
            .field("is_ours", &self.is_ours)
            .field("is_due", &self.is_due)
            .finish_non_exhaustive()
    }
}
