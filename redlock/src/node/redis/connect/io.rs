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
pub(crate) struct ConnectionIo {
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

impl ConnectionIo {
    /// The work of a connection whose socket is ours.
    pub(crate) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            work: Some(Box::pin(work)),
            is_ours: true,
            ..Self::elsewhere()
        }
    }

    /// The connection has a task of its own.
    pub(crate) fn elsewhere() -> Self {
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
    pub(crate) async fn drive(&mut self) {
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
    pub(crate) async fn drive_with<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = self.drive() => {}
            }
        }
    }

    /// What to poll with that becomes ready by this work, between two turns of it.
    pub(crate) fn waker(&self) -> &Waker {
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

impl fmt::Debug for ConnectionIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionIo")
            .field("is_ours", &self.is_ours)
            .field("is_due", &self.is_due)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use tokio::sync::mpsc;

    use super::*;

    /// Counts how often a task was woken.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection that counts what it is given, and ends when nobody can give it anything.
    fn io() -> (ConnectionIo, mpsc::UnboundedSender<()>, Arc<AtomicUsize>) {
        let (sender, mut given) = mpsc::unbounded_channel();
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        let work = async move {
            while let Some(()) = given.recv().await {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        (ConnectionIo::new(work), sender, done)
    }

    #[tokio::test]
    async fn what_the_task_causes_itself_does_not_wake_it() {
        let (mut io, sender, done) = io();
        let wakes = Arc::<Wakes>::default();
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        io.drive().await;

        sender.send(()).unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 0, "only a turn does the work");
        assert!(pin!(io.drive()).poll(&mut context).is_ready());
        assert_eq!(done.load(Ordering::Relaxed), 1);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 0);

        let mut drive = Box::pin(io.drive());
        assert!(drive.as_mut().poll(&mut context).is_pending());
        sender.send(()).unwrap();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "asleep it is woken");
        // Whoever gives up a turn that was due leaves it to the next.
        drop(drive);
        assert!(pin!(io.drive()).poll(&mut context).is_ready());
        assert_eq!(done.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_connection_that_has_ended_has_nothing_to_do() {
        let (mut io, sender, _) = io();
        io.drive().await;
        drop(sender);
        io.drive().await;
        let drive = tokio::time::timeout(std::time::Duration::from_millis(1), io.drive());
        assert!(drive.await.is_err());
    }

    #[tokio::test]
    async fn what_needs_the_connection_gets_it() {
        let (mut io, sender, done) = io();
        let asked = poll_fn(|_| {
            sender.send(()).unwrap();
            match done.load(Ordering::Relaxed) {
                3 => Poll::Ready("done"),
                _ => Poll::Pending,
            }
        });
        assert_eq!(io.drive_with(asked).await, "done");
    }
}
