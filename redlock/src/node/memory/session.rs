//! The ordered way to a node in this process.

use crate::error::NodeError;
use crate::node::memory::fault::Fault;
use crate::node::memory::queue;
use crate::node::memory::queue::{CommandQueue, Step};
use crate::node::memory::shared::Shared;
use crate::node::{Command, NodeHealth, NodeReport, Responder, Session, SessionOptions};
use crate::sync::Mutex;
use crate::time::clock;
use crate::time::clock::Moment;
use std::fmt;
use std::sync::Arc;

/// Carries commands out on the spot while the node is healthy, and queues them, with a task that
/// carries them out later, while it is not.
pub(super) struct MemorySession {
    node: Arc<Shared>,
    options: SessionOptions,
    queue: Arc<Mutex<CommandQueue>>,
}

impl MemorySession {
    pub(super) fn new(node: Arc<Shared>, options: SessionOptions) -> Self {
        Self {
            node,
            options,
            queue: Arc::default(),
        }
    }

    /// Starts a task that looks after the queue until it is empty.
    fn pump(&self) {
        let (node, draining) = (Arc::clone(&self.node), Draining(Arc::clone(&self.queue)));
        let _detached = self.options.runtime.spawn(async move {
            loop {
                let changed = node.changed.notified();
                tokio::pin!(changed);
                // Registered before the queue is looked at, so that no change is missed.
                changed.as_mut().enable();
                match drain(&node, &draining.0) {
                    Left::Until(Some(moment)) => tokio::select! {
                        () = changed => {}
                        () = clock::sleep_until(moment) => {}
                    },
                    Left::Until(None) => changed.await,
                    Left::Nothing if draining.finish() => return,
                    Left::Nothing => {}
                }
            }
        });
    }
}

impl Session for MemorySession {
    fn submit(&self, mut command: Command) {
        let fault = self.node.lock().fault;
        if let (Some(Fault::Crash), Command::Release(release)) = (fault, &mut command) {
            // Kept for the day the node is back; whoever asked need not wait for it.
            let responder = std::mem::replace(&mut release.responder, Responder::ignored());
            responder.send(Err(NodeError::new(
                queue::crashed().kind(),
                queue::crashed().message(),
            )));
        }
        let is_draining = {
            let mut queue = self.queue.lock();
            let is_release = matches!(command, Command::Release(_));
            let error = queue
                .unresponsive(fault, self.options.silence_limit)
                .filter(|_| !is_release);
            if let Some(error) = error {
                drop(queue);
                return command.fail(error);
            }
            queue.push(command, fault);
            queue.is_draining
        };
        if is_draining {
            // What came in may not have to wait for what is there.
            self.node.changed.notify_waiters();
            return;
        }
        // Commands are taken off the queue under its lock, so whoever drains keeps the order.
        let left = drain(&self.node, &self.queue);
        if matches!(left, Left::Until(_))
            && !std::mem::replace(&mut self.queue.lock().is_draining, true)
        {
            self.pump();
        }
    }

    fn notifies(&self) -> bool {
        true
    }

    fn report(&self) -> NodeReport {
        let fault = self.node.lock().fault;
        let health = match (
            fault,
            self.queue
                .lock()
                .unresponsive(fault, self.options.silence_limit),
        ) {
            (Some(Fault::Crash), _) => NodeHealth::Down(queue::crashed()),
            (_, Some(error)) => NodeHealth::Down(error),
            _ => NodeHealth::Connected,
        };
        NodeReport::new(Arc::clone(self.node.name()), health)
    }
}

impl fmt::Debug for MemorySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySession")
            .field("node", self.node.name())
            .finish_non_exhaustive()
    }
}

/// What a queue was left with.
enum Left {
    Nothing,
    /// Something that has to wait, at most until then.
    Until(Option<Moment>),
}

/// Deals, in order, with what need not wait.
fn drain(node: &Shared, queue: &Mutex<CommandQueue>) -> Left {
    loop {
        let step = queue.lock().step(node);
        match step {
            Step::Done(response) => response(),
            Step::Wait(until) => return Left::Until(until),
            Step::Empty => return Left::Nothing,
        }
    }
}

/// Marks the queue as looked after, also when the task ends with its runtime.
struct Draining(Arc<Mutex<CommandQueue>>);

impl Draining {
    /// Ends the task's duty unless something arrived meanwhile.
    fn finish(&self) -> bool {
        let mut queue = self.0.lock();
        queue.is_draining = !queue.is_empty();
        !queue.is_draining
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        self.0.lock().is_draining = false;
    }
}
