//! A source of events that is polled only when it may have one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Stands before a source that is one of several of a task. While the source waits, the task can be woken
/// by the others, and be polled many times, without a look at this one.
#[derive(Default)]
pub(super) struct Gate(Option<Entrance>);

struct Entrance {
    signal: Arc<Signal>,
    /// The waker that the source receives: that of the signal.
    waker: Waker,
}

/// Notices that the source has woken its waker.
struct Signal {
    is_open: AtomicBool,
    task: Waker,
}

impl Gate {
    /// Makes the next poll reach the source: something about it was changed from outside.
    pub(super) fn open(&self) {
        if let Some(entrance) = &self.0 {
            entrance.signal.is_open.store(true, Ordering::Release);
        }
    }

    /// Whether a poll would not reach the source.
    #[inline]
    pub(super) fn is_closed(&self, cx: &Context<'_>) -> bool {
        self.0.as_ref().is_some_and(|it| {
            let signal = &it.signal;
            !signal.is_open.load(Ordering::Relaxed) && signal.task.will_wake(cx.waker())
        })
    }

    /// Polls the source by `poll`, unless it is still waiting.
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let is_known = |it: &Entrance| it.signal.task.will_wake(cx.waker());
        if !self.0.as_ref().is_some_and(is_known) {
            self.0 = None;
        }
        let entrance = self.0.get_or_insert_with(|| Entrance::new(cx.waker()));
        let is_open = &entrance.signal.is_open;
        if !is_open.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        // Before the poll: what happens during it must open the gate again.
        is_open.swap(false, Ordering::AcqRel);
        let polled = poll(&mut Context::from_waker(&entrance.waker));
        if polled.is_ready() {
            // It has not registered the waker.
            is_open.store(true, Ordering::Release);
        }
        polled
    }
}

impl Entrance {
    fn new(task: &Waker) -> Self {
        let signal = Arc::new(Signal {
            is_open: AtomicBool::new(true),
            task: task.clone(),
        });
        let waker = Waker::from(Arc::clone(&signal));
        Self { signal, waker }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_open.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct NoTask;

    impl Wake for NoTask {
        fn wake(self: Arc<Self>) {}
    }

    /// A source that keeps its waker, and is ready as often as is set.
    #[derive(Default)]
    struct Source {
        waker: Option<Waker>,
        ready: u32,
        polls: u32,
    }

    impl Source {
        fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
            self.polls += 1;
            if self.ready > 0 {
                self.ready -= 1;
                return Poll::Ready(());
            }
            self.waker = Some(cx.waker().clone());
            Poll::Pending
        }
    }

    #[test]
    fn a_source_is_polled_only_when_it_may_be_ready() {
        let (mut gate, source) = (Gate::default(), RefCell::new(Source::default()));
        let task = Waker::from(Arc::new(NoTask));
        let poll = |gate: &mut Gate, task: &Waker| {
            let polled = gate.poll(&mut Context::from_waker(task), |cx| {
                source.borrow_mut().poll(cx)
            });
            (polled.is_ready(), source.borrow().polls)
        };
        assert_eq!(poll(&mut gate, &task), (false, 1));
        assert_eq!(poll(&mut gate, &task), (false, 1), "it waits");
        source.borrow_mut().ready = 2;
        let waker = source.borrow().waker.clone();
        waker.unwrap().wake();
        assert_eq!(poll(&mut gate, &task), (true, 2));
        assert_eq!(poll(&mut gate, &task), (true, 3), "it may have more");
        assert_eq!(poll(&mut gate, &task), (false, 4));
        gate.open();
        assert_eq!(poll(&mut gate, &task), (false, 5));
        let other = Waker::from(Arc::new(NoTask));
        assert_eq!(poll(&mut gate, &other), (false, 6), "another task waits");
        assert_eq!(poll(&mut gate, &other), (false, 6));
    }
}
