//! The ordered way to a node in this process.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Fault, MemoryNode, State};
use crate::clock::{self, Moment};
use crate::error::{NodeError, NodeErrorKind};
use crate::node::{Command, Identity, NodeHealth, NodeReport, Reply, Session};

/// Carries commands out on the spot while the node is healthy, and queues them, with a task that
/// carries them out later, while it is not.
pub(super) struct MemorySession {
    node: MemoryNode,
    runtime: Handle,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Whether a task looks after the queue.
    pumped: bool,
}

struct Waiting {
    due: Moment,
    command: Command,
}

/// What became of the command at the head of the queue.
enum Step {
    /// It is done; this gives the answer, once no lock is held.
    Done(Box<dyn FnOnce() + Send>),
    /// It has to wait, at most until then.
    Wait(Option<Moment>),
    /// There is none.
    Empty,
}

impl MemorySession {
    pub(super) fn new(node: MemoryNode, runtime: Handle) -> Self {
        Self {
            node,
            runtime,
            line: Arc::default(),
        }
    }

    /// Carries out, in order, what can be carried out.
    fn drain(node: &MemoryNode, line: &Mutex<Line>) -> Option<Option<Moment>> {
        loop {
            match Self::step(node, &mut lock(line)) {
                Step::Done(answer) => answer(),
                Step::Wait(until) => return Some(until),
                Step::Empty => return None,
            }
        }
    }

    fn step(node: &MemoryNode, line: &mut Line) -> Step {
        let mut state = node.lock();
        let Some(head) = line.waiting.front() else {
            return Step::Empty;
        };
        let now = Moment::now();
        let release_until = match &head.command {
            Command::Release(release) => Some(release.until),
            _ => None,
        };
        let fault = state.fault;
        match fault {
            Some(Fault::Hang) => return Step::Wait(None),
            Some(Fault::Crash | Fault::DropRequests) => {
                if let Some(until) = release_until.filter(|until| *until > now) {
                    return Self::pass_release(line, until, fault);
                }
            }
            Some(Fault::Delay(_) | Fault::LoseReplies) | None if head.due > now => {
                return Step::Wait(Some(head.due));
            }
            Some(Fault::Delay(_) | Fault::LoseReplies) | None => {}
        }
        let Some(head) = line.waiting.pop_front() else {
            return Step::Empty;
        };
        match fault {
            Some(Fault::Crash) => {
                let error = NodeError::unsent(NodeErrorKind::Unreachable, "the node has crashed");
                Step::Done(Box::new(|| head.command.fail(error)))
            }
            Some(Fault::DropRequests) => Step::Done(Box::new(|| drop(head))),
            Some(Fault::LoseReplies) => {
                drop(apply(&mut state, head.command));
                Step::Done(Box::new(|| ()))
            }
            _ => Step::Done(apply(&mut state, head.command)),
        }
    }

    /// Behind a release that has to stay, the first command that does not can still be failed.
    fn pass_release(line: &mut Line, until: Moment, fault: Option<Fault>) -> Step {
        let other = line
            .waiting
            .iter()
            .position(|it| !matches!(it.command, Command::Release(_)));
        let Some(other) = other.and_then(|index| line.waiting.remove(index)) else {
            return Step::Wait(Some(until));
        };
        if fault == Some(Fault::DropRequests) {
            return Step::Done(Box::new(|| drop(other)));
        }
        let error = NodeError::unsent(NodeErrorKind::Unreachable, "the node has crashed");
        Step::Done(Box::new(|| other.command.fail(error)))
    }

    /// Starts a task that looks after the queue until it is empty.
    fn pump(&self) {
        let (node, pumping) = (self.node.clone(), Pumping(Arc::clone(&self.line)));
        let _detached = self.runtime.spawn(async move {
            loop {
                let changed = node.0.changed.notified();
                tokio::pin!(changed);
                // Registered before the queue is looked at, so that no change is missed.
                changed.as_mut().enable();
                match Self::drain(&node, &pumping.0) {
                    Some(Some(moment)) => tokio::select! {
                        () = changed => {}
                        () = clock::sleep_until(moment) => {}
                    },
                    Some(None) => changed.await,
                    None if pumping.finish() => return,
                    None => {}
                }
            }
        });
    }
}

impl Session for MemorySession {
    fn submit(&self, command: Command) {
        let now = Moment::now();
        let fault = self.node.lock().fault;
        let delay = if let Some(Fault::Delay(delay)) = fault {
            delay
        } else {
            Duration::ZERO
        };
        let start_pump = {
            let mut line = lock(&self.line);
            let due = now.checked_add(delay).unwrap_or(now);
            line.waiting.push_back(Waiting { due, command });
            // Commands are taken off the queue under its lock, so whoever drains keeps the order.
            !line.pumped
        };
        if start_pump && Self::drain(&self.node, &self.line).is_some() {
            let pumped = std::mem::replace(&mut lock(&self.line).pumped, true);
            if !pumped {
                self.pump();
            }
        }
    }

    fn report(&self) -> NodeReport {
        let health = match self.node.lock().fault {
            Some(Fault::Crash) => NodeHealth::Down(NodeError::unsent(
                NodeErrorKind::Unreachable,
                "the node has crashed",
            )),
            _ => NodeHealth::Connected,
        };
        NodeReport::new(Arc::clone(&self.node.0.name), health)
    }
}

impl fmt::Debug for MemorySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySession")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// Marks the queue as looked after, also when the task ends with its runtime.
struct Pumping(Arc<Mutex<Line>>);

impl Pumping {
    /// Ends the task's duty unless something arrived meanwhile.
    fn finish(&self) -> bool {
        let mut line = lock(&self.0);
        line.pumped = !line.waiting.is_empty();
        !line.pumped
    }
}

impl Drop for Pumping {
    fn drop(&mut self) {
        lock(&self.0).pumped = false;
    }
}

/// Carries one command out and returns the giving of its answer.
fn apply(state: &mut State, command: Command) -> Box<dyn FnOnce() + Send> {
    fn give<T: Send + 'static>(reply: Reply<T>, answer: T) -> Box<dyn FnOnce() + Send> {
        Box::new(move || reply.give(Ok(answer)))
    }
    let store = &mut state.store;
    match command {
        Command::Acquire(it) => give(it.reply, store.acquire(&it.key, &it.id, it.ttl)),
        Command::Extend(it) => give(it.reply, store.extend(&it.key, &it.id, it.ttl)),
        Command::Release(it) => give(it.reply, store.release(&it.key, &it.id)),
        Command::Inspect(it) => give(it.reply, store.inspect(&it.key)),
        Command::Ping(it) => give(it.reply, Identity::default()),
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}
