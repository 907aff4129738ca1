//! An ordered session with a node in this process.

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

/// A session that carries out commands at once while the node is healthy.
///
/// While the node is faulty, commands are queued, and a task carries them out later.
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

    /// Spawns a task that drains the queue until it is empty.
    fn spawn_drain_task(&self) {
        let (node, drain_guard) = (Arc::clone(&self.node), DrainGuard(Arc::clone(&self.queue)));
        let _detached = self.options.runtime.spawn(async move {
            loop {
                let changed = node.changed.notified();
                tokio::pin!(changed);
                // Registered before the queue is read, so that no change is missed.
                changed.as_mut().enable();
                match drain(&node, &drain_guard.0) {
                    Drained::WaitUntil(Some(moment)) => tokio::select! {
                        () = changed => {}
                        () = clock::sleep_until(moment) => {}
                    },
                    Drained::WaitUntil(None) => changed.await,
                    Drained::Empty if drain_guard.try_finish() => return,
                    Drained::Empty => {}
                }
            }
        });
    }
}

impl Session for MemorySession {
    fn submit(&self, mut command: Command) {
        let fault = self.node.lock().fault;
        if let (Some(Fault::Crash), Command::Release(release)) = (fault, &mut command) {
            // The release is kept until the node is back. The caller gets its error now.
            let responder = std::mem::replace(&mut release.responder, Responder::ignored());
            responder.send(Err(NodeError::new(
                queue::crashed().kind(),
                queue::crashed().message(),
            )));
        }
        let is_draining = {
            let mut queue = self.queue.lock();
            let is_release = command.as_release().is_some();
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
            // The new command may be due before those that are waiting.
            self.node.changed.notify_waiters();
            return;
        }
        // Commands leave the queue under its lock, so concurrent drains keep the order.
        let drained = drain(&self.node, &self.queue);
        if matches!(drained, Drained::WaitUntil(_))
            && !std::mem::replace(&mut self.queue.lock().is_draining, true)
        {
            self.spawn_drain_task();
        }
    }

    fn notifies(&self) -> bool {
        true
    }

    fn hints(&self) -> bool {
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
        let mut report = NodeReport::new(Arc::clone(self.node.name()), health);
        let now = Moment::now();
        self.node.lock().identity.describe(&mut report, now);
        report
    }
}

impl fmt::Debug for MemorySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySession")
            .field("node", self.node.name())
            .finish_non_exhaustive()
    }
}

/// The state of a queue after it was drained.
enum Drained {
    Empty,
    /// A command has to wait, at most until then. `None`: until the fault changes.
    WaitUntil(Option<Moment>),
}

/// Carries out, in order, the commands that need not wait.
fn drain(node: &Shared, queue: &Mutex<CommandQueue>) -> Drained {
    loop {
        let step = queue.lock().step(node);
        match step {
            Step::Respond(respond) => respond(),
            Step::Wait(until) => return Drained::WaitUntil(until),
            Step::Empty => return Drained::Empty,
        }
    }
}

/// Marks the queue as being drained, until the task ends, also if it ends with its runtime.
struct DrainGuard(Arc<Mutex<CommandQueue>>);

impl DrainGuard {
    /// Clears the mark and returns `true`, unless the queue is no longer empty.
    fn try_finish(&self) -> bool {
        let mut queue = self.0.lock();
        queue.is_draining = !queue.is_empty();
        !queue.is_draining
    }
}

impl Drop for DrainGuard {
    fn drop(&mut self) {
        self.0.lock().is_draining = false;
    }
}
