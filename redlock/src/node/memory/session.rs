//! The ordered way to a node in this process.

use crate::error::NodeError;
use crate::node::memory::fault::Fault;
use crate::node::memory::queue;
use crate::node::memory::queue::{Line, Step};
use crate::node::memory::shared::Inner;
use crate::node::{Command, NodeHealth, NodeReport, Reply, Session, SessionOptions};
use crate::sync::Mutex;
use crate::time::clock;
use crate::time::clock::Moment;
use std::fmt;
use std::sync::Arc;

/// Carries commands out on the spot while the node is healthy, and queues them, with a task that
/// carries them out later, while it is not.
pub(super) struct MemorySession {
    node: Arc<Inner>,
    options: SessionOptions,
    line: Arc<Mutex<Line>>,
}

impl MemorySession {
    pub(super) fn new(node: Arc<Inner>, options: SessionOptions) -> Self {
        Self {
            node,
            options,
            line: Arc::default(),
        }
    }

    /// Starts a task that looks after the queue until it is empty.
    fn pump(&self) {
        let (node, pumping) = (Arc::clone(&self.node), Pumping(Arc::clone(&self.line)));
        let _detached = self.options.runtime.spawn(async move {
            loop {
                let changed = node.changed.notified();
                tokio::pin!(changed);
                // Registered before the queue is looked at, so that no change is missed.
                changed.as_mut().enable();
                match drain(&node, &pumping.0) {
                    Left::Until(Some(moment)) => tokio::select! {
                        () = changed => {}
                        () = clock::sleep_until(moment) => {}
                    },
                    Left::Until(None) => changed.await,
                    Left::Nothing if pumping.finish() => return,
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
            let reply = std::mem::replace(&mut release.reply, Reply::ignored());
            reply.give(Err(NodeError::new(
                queue::crashed().kind(),
                queue::crashed().message(),
            )));
        }
        let pumped = {
            let mut line = self.line.lock();
            let is_release = matches!(command, Command::Release(_));
            let error = line
                .unresponsive(fault, self.options.silence_limit)
                .filter(|_| !is_release);
            if let Some(error) = error {
                drop(line);
                return command.fail(error);
            }
            line.push(command, fault);
            line.pumped
        };
        if pumped {
            // What came in may not have to wait for what is there.
            self.node.changed.notify_waiters();
            return;
        }
        // Commands are taken off the queue under its lock, so whoever drains keeps the order.
        let left = drain(&self.node, &self.line);
        if matches!(left, Left::Until(_)) && !std::mem::replace(&mut self.line.lock().pumped, true)
        {
            self.pump();
        }
    }

    fn tells(&self) -> bool {
        true
    }

    fn report(&self) -> NodeReport {
        let fault = self.node.lock().fault;
        let health = match (
            fault,
            self.line
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
fn drain(node: &Inner, line: &Mutex<Line>) -> Left {
    loop {
        let step = line.lock().step(node);
        match step {
            Step::Done(answer) => answer(),
            Step::Wait(until) => return Left::Until(until),
            Step::Empty => return Left::Nothing,
        }
    }
}

/// Marks the queue as looked after, also when the task ends with its runtime.
struct Pumping(Arc<Mutex<Line>>);

impl Pumping {
    /// Ends the task's duty unless something arrived meanwhile.
    fn finish(&self) -> bool {
        let mut line = self.0.lock();
        line.pumped = !line.is_empty();
        !line.pumped
    }
}

impl Drop for Pumping {
    fn drop(&mut self) {
        self.0.lock().pumped = false;
    }
}
