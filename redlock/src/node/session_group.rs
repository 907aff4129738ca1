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
//! No session can hold up another: none of them blocks.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;

use crate::sync::Mutex;

/// Sessions whose work is done by one task.
#[derive(Clone)]
pub(crate) struct SessionGroup(Arc<Mutex<Option<Vec<Work>>>>);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl SessionGroup {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    /// Adds the work of a session. Once the group is started, it gets a task of its own on `runtime`.
    pub(crate) fn add(&self, runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
        match &mut *self.0.lock() {
            Some(added) => added.push(Box::pin(work)),
            None => drop(runtime.spawn(work)),
        }
    }

    /// Starts the task that does the added work. It ends with the last session.
    pub(crate) fn start(&self, runtime: &Handle) {
        let mut work = self.0.lock().take().unwrap_or_default();
        while !work.is_empty() {
            let rest = work.split_off(work.len().min(MAX_MEMBERS));
            let _detached = runtime.spawn(Members::new(work));
            work = rest;
        }
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
        }
    }
}

impl Future for Members {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Registered before the signals are read, so that none is missed.
        self.signals.register(cx.waker());
        let mut woken = self.signals.woken.swap(0, Ordering::AcqRel);
        for member in &mut self.members {
            if woken & 1 == 1 {
                member.poll();
            }
            woken >>= 1;
        }
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
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) => self.work = None,
            Err(panic) => {
                tracing::error!(
                    reason = reason(&*panic),
                    "the session with a node has panicked"
                );
                self.work = None;
            }
        }
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
mod tests {
    use std::future::{pending, poll_fn};
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use tokio::sync::mpsc;
    use tokio::time::timeout;

    use super::*;

    /// Counts its polls and ends with its channel.
    struct Counting {
        polls: Arc<AtomicUsize>,
        sender: Option<mpsc::UnboundedSender<()>>,
    }

    impl Counting {
        fn add(group: &SessionGroup) -> Self {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let polls = Arc::<AtomicUsize>::default();
            let count = Arc::clone(&polls);
            group.add(
                &Handle::current(),
                poll_fn(move |cx| {
                    count.fetch_add(1, Ordering::Relaxed);
                    loop {
                        match receiver.poll_recv(cx) {
                            Poll::Ready(Some(())) => {}
                            Poll::Ready(None) => return Poll::Ready(()),
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                }),
            );
            let sender = Some(sender);
            Self { polls, sender }
        }

        fn take_polls(&self) -> usize {
            self.polls.swap(0, Ordering::Relaxed)
        }

        fn wake(&self) {
            self.sender.as_ref().unwrap().send(()).unwrap();
        }
    }

    async fn settle() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn only_members_that_were_woken_are_polled() {
        let group = SessionGroup::new();
        let members: Vec<_> = (0..150).map(|_| Counting::add(&group)).collect();
        group.start(&Handle::current());
        settle().await;
        assert!(members.iter().all(|it| it.take_polls() == 1));
        for index in [0, 63, 64, 149] {
            members[index].wake();
            members[index].wake();
        }
        settle().await;
        for (index, member) in members.iter().enumerate() {
            let expected = usize::from([0, 63, 64, 149].contains(&index));
            assert_eq!(member.take_polls(), expected, "{index}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_ends_with_the_last_member_and_outlives_a_panic() {
        let (group, token) = (SessionGroup::new(), Arc::new(()));
        let runtime = Handle::current();
        let held = Arc::clone(&token);
        group.add(&runtime, async move {
            let _held = held;
            settle().await;
            panic!("a bug");
        });
        let mut members = [Counting::add(&group), Counting::add(&group)];
        group.start(&runtime);
        for _ in 0..5 {
            settle().await;
        }
        assert_eq!(Arc::strong_count(&token), 1, "what panicked is dropped");
        for member in &mut members {
            member.wake();
            settle().await;
            assert_eq!(member.take_polls(), 2);
            member.sender = None;
            settle().await;
        }
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_comes_after_the_start_is_done() {
        let group = SessionGroup::new();
        group.start(&Handle::current());
        let late = Counting::add(&group);
        settle().await;
        assert_eq!(late.take_polls(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_wake_is_lost_among_threads() {
        let group = SessionGroup::new();
        let runtime = Handle::current();
        let (done, mut results) = mpsc::unbounded_channel();
        let mut senders = Vec::new();
        for _ in 0..8 {
            let (sender, mut receiver) = mpsc::channel::<u32>(1);
            let done = done.clone();
            senders.push(sender);
            group.add(&runtime, async move {
                let mut sum = 0;
                while let Some(number) = receiver.recv().await {
                    sum += number;
                }
                done.send(sum).unwrap();
            });
        }
        group.add(&runtime, pending());
        group.start(&runtime);
        for sender in senders {
            tokio::spawn(async move {
                for number in 1..=2_000 {
                    sender.send(number).await.unwrap();
                }
            });
        }
        for _ in 0..8 {
            let result = timeout(Duration::from_secs(60), results.recv()).await;
            assert_eq!(result.expect("in time"), Some(2_000 * 2_001 / 2));
        }
    }
}
