//! A node whose commands are late.

use std::sync::Arc;
use std::time::Duration;

use redlock::node::{Command, Node, NodeReport, Session, SessionOptions};
use tokio::sync::mpsc;

/// A node that receives the commands of a manager late, and in order.
///
/// Unlike a delay of the node itself, it is that of one manager alone.
pub struct Slow<D> {
    node: Arc<dyn Node>,
    delay: Arc<D>,
}

impl<D: Fn() -> Duration + Send + Sync + 'static> Slow<D> {
    /// Delays each command to `node` for as long as `delay` returns, and for as long as those before
    /// it.
    pub fn new(node: impl Node, delay: D) -> Self {
        Self {
            node: Arc::new(node),
            delay: Arc::new(delay),
        }
    }
}

impl<D> std::fmt::Debug for Slow<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Slow").field(&self.node).finish()
    }
}

impl<D: Fn() -> Duration + Send + Sync + 'static> Node for Slow<D> {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let runtime = options.runtime.clone();
        let session = self.node.open(options);
        let (inner, delay) = (Arc::clone(&session), Arc::clone(&self.delay));
        // Ends once the manager has dropped the session, and all commands were passed on.
        runtime.spawn(async move {
            while let Some(command) = receiver.recv().await {
                let delay = delay();
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                inner.submit(command);
            }
        });
        Arc::new(SlowSession { session, sender })
    }
}

#[derive(Debug)]
struct SlowSession {
    session: Arc<dyn Session>,
    sender: mpsc::UnboundedSender<Command>,
}

impl Session for SlowSession {
    fn submit(&self, command: Command) {
        // The task ends only with its runtime, and then the commands do too.
        let _sent = self.sender.send(command);
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }

    fn time_of_day(&self) -> Option<u64> {
        self.session.time_of_day()
    }

    fn notifies(&self) -> bool {
        self.session.notifies()
    }

    fn hints(&self) -> bool {
        self.session.hints()
    }

    fn round_trip(&self) -> Option<Duration> {
        self.session.round_trip()
    }
}
