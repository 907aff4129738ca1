//! Socket I/O of a connection, driven by the task that uses the connection.
//!
//! # One round trip
//!
//! A command is submitted while the session's task sleeps. The task wakes twice: for the command,
//! and for the bytes of its response.
//!
//! ```text
//! event                                                effect on the task
//! submit() queues a command                            the queue wakes it
//!   the batch enters the connection's channel          the waker leaves a permit: it is awake
//!   drive() takes the permit and polls the I/O,        -
//!   which writes the batch to the socket
//! the task sleeps in drive()
//! the response arrives: the socket is readable         the waker wakes it
//!   drive() polls the I/O, which reads the bytes       -
//!   and completes the response
//!   the response is polled next, and is ready          its waker is a no-op: the task is awake
//! ```
//!
//! A connection with a task of its own reads and writes there. Its task completes the response,
//! whose waker then wakes this one.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use deadpool_redis::redis::RedisError;
use tokio::sync::Notify;
use tokio::task::coop;

use crate::error::NodeError;
use crate::node::redis::connect::last_words::LastWords;
use crate::node::redis::connect::parting_stream::Parting;
use crate::node::redis::protocol::error;

/// The socket I/O of a connection.
///
/// The session's own task drives it. A separate task would be one more to wake on each round trip,
/// in both directions. Dropping this closes the socket.
pub(crate) struct ConnectionIo {
    /// Moves bytes between the socket and the connection. `None` if the connection has a task of
    /// its own, or has ended.
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_external: bool,
    /// Whether the future may make progress.
    needs_poll: bool,
    notify: Arc<NotifyWaker>,
    /// Wakes through `notify`.
    waker: Waker,
    last_words: LastWords,
    parting: Parting,
}

/// A waker that leaves a permit if the task is awake, as it is when the task itself caused the
/// wake.
#[derive(Debug, Default)]
struct NotifyWaker(Notify);

impl ConnectionIo {
    /// Drives a connection whose socket is ours by polling `future`.
    pub(crate) fn new(
        future: impl Future<Output = ()> + Send + 'static,
        last_words: LastWords,
        parting: Parting,
    ) -> Self {
        Self {
            future: Some(Box::pin(future)),
            is_external: false,
            last_words,
            parting,
            ..Self::external()
        }
    }

    /// Stands for the I/O of a connection that has a task of its own.
    pub(crate) fn external() -> Self {
        let notify = Arc::<NotifyWaker>::default();
        Self {
            future: None,
            is_external: true,
            needs_poll: true,
            waker: Waker::from(Arc::clone(&notify)),
            notify,
            last_words: LastWords::default(),
            parting: Parting::default(),
        }
    }

    /// Returns the error that the connection ended with, in the words of the server if it sent any.
    pub(crate) fn explain(&self, error: &RedisError) -> NodeError {
        let cause = error::of_command(error);
        match self.last_words.get() {
            Some(words) if error.is_io_error() => error::with_last_words(&cause, &words),
            _ => cause,
        }
    }

    /// Waits until the I/O may make progress, then polls it once. Cancel safe.
    pub(crate) async fn drive(&mut self) {
        if !self.needs_poll {
            self.notify.0.notified().await;
            self.needs_poll = true;
        }
        coop::consume_budget().await;
        self.needs_poll = false;
        if let Some(future) = &mut self.future
            && future
                .as_mut()
                .poll(&mut Context::from_waker(&self.waker))
                .is_ready()
        {
            // The connection has ended. Its next use reports that.
            self.future = None;
        }
    }

    /// Writes what was passed to the connection, after its runtime has ended. Never blocks: what the socket
    /// does not take is lost. Nothing is read from now on.
    pub(crate) fn write_without_runtime(&mut self) {
        self.parting.set();
        if let Some(future) = &mut self.future {
            let poll = coop::unconstrained(future.as_mut());
            let mut context = Context::from_waker(Waker::noop());
            if pin!(poll).poll(&mut context).is_ready() {
                self.future = None;
            }
        }
    }

    /// Drives the I/O until `future`, which uses the connection, is ready. Cancel safe if `future`
    /// is.
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

    /// Returns the waker for polling a response between two calls of [`drive`](Self::drive).
    ///
    /// A no-op if `drive` itself completes responses: the task is then awake.
    pub(crate) fn waker(&self) -> &Waker {
        if self.is_external {
            &self.waker
        } else {
            Waker::noop()
        }
    }
}

impl Wake for NotifyWaker {
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
            .field("is_external", &self.is_external)
            .field("needs_poll", &self.needs_poll)
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

    /// Returns I/O that counts the messages of a channel, and ends with the channel.
    fn counting_io() -> (ConnectionIo, mpsc::UnboundedSender<()>, Arc<AtomicUsize>) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        let future = async move {
            while let Some(()) = receiver.recv().await {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        (
            ConnectionIo::new(future, LastWords::default(), Parting::default()),
            sender,
            received,
        )
    }

    #[tokio::test]
    async fn the_task_does_not_wake_itself() {
        let (mut io, sender, received) = counting_io();
        let wakes = Arc::<Wakes>::default();
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        io.drive().await;

        sender.send(()).unwrap();
        assert_eq!(
            received.load(Ordering::Relaxed),
            0,
            "only `drive` polls the I/O"
        );
        assert!(pin!(io.drive()).poll(&mut context).is_ready());
        assert_eq!(received.load(Ordering::Relaxed), 1);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 0);

        let mut drive = Box::pin(io.drive());
        assert!(drive.as_mut().poll(&mut context).is_pending());
        sender.send(()).unwrap();
        assert_eq!(
            wakes.0.load(Ordering::Relaxed),
            1,
            "a sleeping task is woken"
        );
        // The permit of a cancelled `drive` passes to the next.
        drop(drive);
        assert!(pin!(io.drive()).poll(&mut context).is_ready());
        assert_eq!(received.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_connection_that_has_ended_is_not_driven() {
        let (mut io, sender, _) = counting_io();
        io.drive().await;
        drop(sender);
        io.drive().await;
        let drive = tokio::time::timeout(std::time::Duration::from_millis(1), io.drive());
        assert!(drive.await.is_err());
    }

    #[tokio::test]
    async fn a_future_that_uses_the_connection_drives_it() {
        let (mut io, sender, received) = counting_io();
        let sends_until_received = poll_fn(|_| {
            sender.send(()).unwrap();
            match received.load(Ordering::Relaxed) {
                3 => Poll::Ready("ready"),
                _ => Poll::Pending,
            }
        });
        assert_eq!(io.drive_with(sends_until_received).await, "ready");
    }
}
