//! The queue of requests between a session and its task.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use crate::node::redis::protocol::request::Request;
use crate::sync::Mutex;

/// The queue of requests between a session and its task, in order.
///
/// The task takes everything at once, most often by an exchange of two buffers. It is woken only by the
/// first request of those that it will find.
pub(crate) struct Queue<T = Request>(Mutex<State<T>>);

struct State<T> {
    items: VecDeque<T>,
    /// The waker of the task, while it waits.
    task: Option<Waker>,
    /// Whether the session still exists.
    has_session: bool,
    /// Whether the task has ended. It took everything that was accepted before.
    is_closed: bool,
}

/// Why an item was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotQueued<T> {
    /// The queue has as many items as it may have.
    Full(T),
    /// Nothing takes the item any more.
    Ended(T),
}

impl<T> Queue<T> {
    /// Creates the queue of a session that exists.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            items: VecDeque::new(),
            task: None,
            has_session: true,
            is_closed: false,
        }))
    }

    /// Adds an item, unless there are `limit` already.
    pub(crate) fn push<I: Into<T>>(&self, item: I, limit: usize) -> Result<(), NotQueued<I>> {
        self.push_if(|state| !state.is_closed, item, limit)
    }

    /// The same, while the session exists.
    pub(crate) fn push_while_open<I: Into<T>>(
        &self,
        item: I,
        limit: usize,
    ) -> Result<(), NotQueued<I>> {
        self.push_if(|state| state.has_session && !state.is_closed, item, limit)
    }

    #[inline]
    fn push_if<I: Into<T>>(
        &self,
        takes: impl FnOnce(&State<T>) -> bool,
        item: I,
        limit: usize,
    ) -> Result<(), NotQueued<I>> {
        let mut state = self.0.lock();
        if !takes(&state) {
            return Err(NotQueued::Ended(item));
        }
        if state.items.len() >= limit {
            return Err(NotQueued::Full(item));
        }
        // Large items are converted in their place.
        state.items.push_back(item.into());
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        Ok(())
    }

    /// Waits for items, and moves at most `most` of them to `taken`, which is empty. Returns their number:
    /// zero once the session was dropped and no item is left.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        taken: &mut VecDeque<T>,
        most: usize,
    ) -> Poll<usize> {
        let mut state = self.0.lock();
        if !state.items.is_empty() {
            return Poll::Ready(state.take(taken, most));
        }
        if !state.has_session {
            return Poll::Ready(0);
        }
        let known = state.task.as_ref();
        if !known.is_some_and(|it| it.will_wake(cx.waker())) {
            let former = state.task.replace(cx.waker().clone());
            drop(state);
            drop(former);
        }
        Poll::Pending
    }

    /// Moves items that are there to `taken`, until it has `most` of them.
    pub(crate) fn take_more(&self, taken: &mut VecDeque<T>, most: usize) {
        self.0.lock().take(taken, most);
    }

    /// Whether one of the items meets the condition.
    pub(crate) fn has_any(&self, is_met: impl Fn(&T) -> bool) -> bool {
        self.0.lock().items.iter().any(is_met)
    }

    /// Records that the session was dropped, and wakes the task.
    pub(crate) fn end_session(&self) {
        let mut state = self.0.lock();
        state.has_session = false;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Records that the task ends. Returns whether the session still exists, and all items that are left.
    pub(crate) fn close(&self) -> (bool, VecDeque<T>) {
        let mut state = self.0.lock();
        state.is_closed = true;
        let task = state.task.take();
        let (has_session, items) = (state.has_session, mem::take(&mut state.items));
        drop(state);
        drop(task);
        (has_session, items)
    }
}

impl<T> State<T> {
    fn take(&mut self, taken: &mut VecDeque<T>, most: usize) -> usize {
        let room = most.saturating_sub(taken.len());
        let count = self.items.len().min(room);
        if taken.is_empty() && count == self.items.len() {
            mem::swap(taken, &mut self.items);
        } else {
            taken.extend(self.items.drain(..count));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::thread;

    use super::*;

    const MANY: usize = usize::MAX;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(queue: &Queue<u32>, wakes: &Arc<Wakes>, most: usize) -> Poll<Vec<u32>> {
        let waker = Waker::from(Arc::clone(wakes));
        let mut taken = VecDeque::new();
        let polled = queue.poll_take(&mut Context::from_waker(&waker), &mut taken, most);
        polled.map(|count| {
            assert_eq!(count, taken.len());
            taken.into()
        })
    }

    #[test]
    fn the_task_is_woken_once_for_what_it_takes_together() {
        let (queue, wakes) = (Queue::new(), Arc::<Wakes>::default());
        for round in 1..4 {
            assert!(take(&queue, &wakes, 10).is_pending());
            for item in 0..3_u32 {
                queue.push(item, MANY).unwrap();
            }
            assert_eq!(wakes.0.load(Ordering::Relaxed), round);
            assert_eq!(take(&queue, &wakes, 10), Poll::Ready(vec![0, 1, 2]));
        }
    }

    #[test]
    fn items_are_taken_in_order_and_not_too_many() {
        let (queue, wakes) = (Queue::new(), Arc::<Wakes>::default());
        for item in 0..9_u32 {
            queue.push(item, MANY).unwrap();
        }
        assert_eq!(take(&queue, &wakes, 4), Poll::Ready(vec![0, 1, 2, 3]));
        let mut taken = VecDeque::from([4]);
        queue.take_more(&mut taken, 3);
        assert_eq!(taken, [4, 4, 5]);
        assert_eq!(queue.push(9_u32, 3), Err(NotQueued::Full(9)));
        assert_eq!(queue.push(9_u32, 4), Ok(()));
        assert_eq!(take(&queue, &wakes, 9), Poll::Ready(vec![6, 7, 8, 9]));
    }

    #[test]
    fn the_end_of_the_session_shows_once_nothing_is_left() {
        let (queue, wakes) = (Queue::new(), Arc::<Wakes>::default());
        assert!(take(&queue, &wakes, 10).is_pending());
        queue.end_session();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(queue.push_while_open(1_u32, MANY), Err(NotQueued::Ended(1)));
        assert_eq!(take(&queue, &wakes, 10), Poll::Ready(vec![]));
    }

    /// A release that is accepted but not taken would be lost. Each turn closes the queue at another
    /// moment of the pushes.
    #[test]
    fn a_queue_that_closes_loses_nothing_that_it_has_accepted() {
        for turn in 0..500 {
            let (queue, start) = (Queue::<()>::new(), Barrier::new(3));
            let (pushed, taken) = thread::scope(|scope| {
                let push = || {
                    start.wait();
                    let mut pushed = 0;
                    while queue.push((), MANY).is_ok() {
                        pushed += 1;
                    }
                    pushed
                };
                let threads = [scope.spawn(push), scope.spawn(push)];
                start.wait();
                let (_, left) = queue.close();
                let pushed = threads.map(|it| it.join().unwrap()).into_iter().sum();
                (pushed, left.len())
            });
            assert_eq!(taken, pushed, "turn {turn}");
        }
    }
}
