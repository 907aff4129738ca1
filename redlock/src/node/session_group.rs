//! One task for the sessions with all nodes.
//!
//! Each phase of a lock sends a command to every node. If every session had a task of its own, that
//! would wake as many tasks, and with them other threads of the runtime. Here one task is woken once, and
//! takes the commands for all nodes:
//!
//! ```text
//! submit() to node 1    session 1 is marked, the task is woken
//! submit() to node 2    session 2 is marked
//! submit() to node 3    session 3 is marked
//!                       the task polls the sessions 1, 2 and 3, and no other
//! ```
//!
//! No session can hold up another: none of them blocks. Those that have more to do than a task may do at a
//! time take turns at being the first.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::sync::Mutex;

/// Sessions whose work is done by one task.
#[derive(Clone)]
pub(crate) struct SessionGroup {
    runtime: Handle,
    /// The work that was added, until the group is started.
    added: Arc<Mutex<Option<Vec<Work>>>>,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl SessionGroup {
    /// Creates a group without sessions. Its task will run on `runtime`.
    pub(crate) fn new(runtime: &Handle) -> Self {
        Self {
            runtime: runtime.clone(),
            added: Arc::new(Mutex::new(Some(Vec::new()))),
        }
    }

    /// Adds the work of a session, which is to run on `runtime`. It gets a task of its own there if that is
    /// another one than the group's, or if the group is started.
    pub(crate) fn add(&self, runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
        match &mut *self.added.lock() {
            Some(added) if self.runtime.id() == runtime.id() => added.push(Box::pin(work)),
            _ => drop(runtime.spawn(work)),
        }
    }

    /// Starts the task that does the added work. It ends with the last session.
    pub(crate) fn start(&self) {
        let mut work = self.added.lock().take().unwrap_or_default();
        while !work.is_empty() {
            let rest = work.split_off(work.len().min(MAX_MEMBERS));
            let _detached = self.runtime.spawn(Members::new(work));
            work = rest;
        }
    }
}

/// Lets any thread of the runtime run the task that this one has woken last.
///
/// Tokio keeps that task for this thread, which is best if the caller is about to wait for its responses.
/// One that does not wait may block the thread instead, and with it the sessions with all nodes. A task
/// that is woken later, even one without work, makes Tokio offer the earlier one to the other threads.
pub(crate) fn leave_to_any_thread() {
    let runtime = Handle::try_current().ok();
    let runtime = runtime.filter(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread);
    if let Some(runtime) = runtime {
        drop(runtime.spawn(std::future::ready(())));
    }
}

impl fmt::Debug for SessionGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionGroup").finish_non_exhaustive()
    }
}

/// The work of a group, as one future.
struct Members {
    members: Box<[Member]>,
    signals: Arc<Signals>,
    /// The member to poll first. Tokio limits what a task does at a time, and the first member may use
    /// up all of it.
    first: usize,
}

struct Member {
    /// `None` once it is done.
    work: Option<Work>,
    waker: Waker,
}

/// The members to poll.
#[derive(Default)]
struct Signals {
    /// A bit for each member that was woken. The first one also wakes the task.
    woken: AtomicU64,
    /// The waker of the task, once it was polled.
    task: Mutex<Option<Waker>>,
}

/// Wakes one member.
struct MemberWaker {
    bit: u64,
    signals: Arc<Signals>,
}

impl Members {
    fn new(work: Vec<Work>) -> Self {
        let signals = Arc::<Signals>::default();
        let bits = (0..MAX_MEMBERS).map(|index| 1 << index);
        let members = work.into_iter().zip(bits).map(|(work, bit)| {
            signals.woken.fetch_or(bit, Ordering::Relaxed);
            let signals = Arc::clone(&signals);
            Member {
                work: Some(work),
                waker: Waker::from(Arc::new(MemberWaker { bit, signals })),
            }
        });
        Self {
            members: members.collect(),
            signals,
            first: 0,
        }
    }
}

impl Future for Members {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Registered before the signals are read, so that none is missed.
        self.signals.register(cx.waker());
        let woken = self.signals.woken.swap(0, Ordering::AcqRel);
        let (first, count) = (self.first, self.members.len());
        for index in (first..count).chain(0..first) {
            if woken >> index & 1 == 1 {
                self.members[index].poll();
            }
        }
        self.first = if first + 1 < count { first + 1 } else { 0 };
        if self.members.iter().all(|member| member.work.is_none()) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Member {
    /// Polls the member. One that panics ends, and leaves the others alone.
    fn poll(&mut self) {
        let Some(work) = &mut self.work else {
            return;
        };
        let cx = &mut Context::from_waker(&self.waker);
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(())) => {}
            Err(panic) => {
                tracing::error!(
                    reason = reason(&*panic),
                    "the session with a node has panicked"
                );
            }
        }
        // What a session leaves behind may go to a node outside of this crate, which may panic, too.
        let work = self.work.take();
        let _panic = catch_unwind(AssertUnwindSafe(|| drop(work)));
    }
}

impl Signals {
    fn register(&self, waker: &Waker) {
        let mut task = self.task.lock();
        match &mut *task {
            Some(known) => known.clone_from(waker),
            None => *task = Some(waker.clone()),
        }
    }
}

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.signals.woken.fetch_or(self.bit, Ordering::AcqRel) != 0 {
            return;
        }
        let task = self.signals.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// The text of a panic, if it has one.
fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown")
}

/// The maximum number of sessions that share a task: the number of bits.
const MAX_MEMBERS: usize = 64;

#[cfg(test)]
mod tests;
