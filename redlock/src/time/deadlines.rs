//! The deadlines of waits, which one task of an engine watches for all of them.
//!
//! Most waits end long before their deadline. A wait therefore has no timer of its own, only a slot:
//! entering and leaving one changes no timer. The task sleeps until the earliest deadline that it
//! knows of, and then looks for those that have passed.
//!
//! ```text
//! wait A    0 ms ── until 500 ms ── done at 1 ms
//! wait B    2 ms ── until 502 ms ─────────────────────────────────────── over
//! task      sleeps until 500 ms ──────────── finds B, sleeps until 502 ms ─┘
//! ```
//!
//! The task is woken before that only for a deadline that is earlier than the one it sleeps for.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

use tokio::runtime::{self, Handle};
use tokio::sync::Notify;

use crate::sync::Mutex;
use crate::time::clock;
use crate::time::clock::Moment;

/// The deadlines of the waits in one runtime.
pub(crate) struct Deadlines {
    /// The runtime of the task.
    runtime: runtime::Id,
    slots: Mutex<Slots>,
    /// Notified when a deadline is earlier than the one that the task sleeps for.
    earlier: Notify,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// The deadline that the task sleeps for. It may be that of a wait which is over.
    awaited: Option<Moment>,
}

enum Slot {
    Free,
    Waiting(Moment, Waker),
    /// The deadline has passed. The wait is about to find out.
    Passed,
}

/// The slot of one wait. Dropping it frees the slot.
struct Place<'a> {
    deadlines: &'a Deadlines,
    /// The slot, from the first poll on that did not complete.
    slot: Option<usize>,
}

impl Deadlines {
    /// Starts the task. It ends with the runtime, or when it is [closed](Self::close).
    pub(crate) fn start(runtime: &Handle) -> Arc<Self> {
        let deadlines = Arc::new(Self {
            runtime: runtime.id(),
            slots: Mutex::default(),
            earlier: Notify::new(),
            is_closed: AtomicBool::new(false),
        });
        let task = Task(Arc::clone(&deadlines));
        let _detached = runtime.spawn(task.run());
        deadlines
    }

    /// Whether the task is alive.
    pub(crate) fn is_alive(&self) -> bool {
        !self.is_closed.load(Ordering::Acquire)
    }

    /// Ends the task and all waits.
    pub(crate) fn close(&self) {
        // Under the lock, so that no wait takes a slot after the last look at them.
        let slots = self.slots.lock();
        self.is_closed.store(true, Ordering::Release);
        drop(slots);
        self.earlier.notify_one();
    }

    /// Whether a wait in the current runtime ends at its deadline.
    pub(crate) fn can_wait(&self) -> bool {
        self.is_local() || clock::has_timers()
    }

    /// Waits for `future`, at most until `end`. Returns `None` if the time is over, or in a runtime
    /// without timers, where it does not wait.
    ///
    /// Cancel safe if `future` is.
    pub(crate) async fn until<F: Future>(&self, end: Moment, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        if !self.is_local() {
            // Boxed, because it is rare, and its timer is large.
            return Box::pin(until_elsewhere(end, future)).await;
        }
        let mut place = Place {
            deadlines: self,
            slot: None,
        };
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if place.is_over(end, cx.waker()) {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    /// Whether this is the runtime of the task. Elsewhere a wait must not depend on the task: its
    /// runtime may not be driven while this one is.
    fn is_local(&self) -> bool {
        Handle::try_current().is_ok_and(|current| current.id() == self.runtime)
    }

    /// Wakes the waits whose deadline has passed, and finds the next deadline.
    fn wake_passed(&self) {
        let now = Moment::now();
        self.wake(|end| end <= now);
    }

    fn wake(&self, has_passed: impl Fn(Moment) -> bool) {
        // Woken after unlocking: a waker may poll its wait at once.
        let passed = self.slots.lock().take_passed(has_passed);
        for waker in passed {
            // All other waits rest on this task.
            let woken = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            if woken.is_err() {
                tracing::error!("a waker has panicked; the other waits continue");
            }
        }
    }
}

impl Slots {
    /// Takes a slot. Returns it, and whether its deadline is earlier than that of the task.
    fn enter(&mut self, end: Moment, waker: &Waker) -> (usize, bool) {
        let waiting = Slot::Waiting(end, waker.clone());
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = waiting;
                slot
            }
            None => {
                self.slots.push(waiting);
                self.slots.len() - 1
            }
        };
        let is_earlier = self.awaited.is_none_or(|awaited| end < awaited);
        if is_earlier {
            self.awaited = Some(end);
        }
        (slot, is_earlier)
    }

    /// Takes the wakers of all waits whose deadline `has_passed`, and finds the next deadline.
    fn take_passed(&mut self, has_passed: impl Fn(Moment) -> bool) -> Vec<Waker> {
        let mut passed = Vec::new();
        self.awaited = None;
        for slot in &mut self.slots {
            let Slot::Waiting(end, _) = slot else {
                continue;
            };
            let end = *end;
            if !has_passed(end) {
                self.awaited = Some(self.awaited.map_or(end, |awaited| awaited.min(end)));
            } else if let Slot::Waiting(_, waker) = std::mem::replace(slot, Slot::Passed) {
                passed.push(waker);
            }
        }
        if self.free.len() == self.slots.len() {
            // A burst of waits is over. Each look costs as much as there are slots.
            *self = Self::default();
        }
        passed
    }
}

impl Place<'_> {
    /// Whether the deadline has passed. If it has not, `waker` is woken then.
    fn is_over(&mut self, end: Moment, waker: &Waker) -> bool {
        let mut slots = self.deadlines.slots.lock();
        if let Some(slot) = self.slot {
            let Slot::Waiting(_, current) = &mut slots.slots[slot] else {
                return true;
            };
            if !current.will_wake(waker) {
                let former = std::mem::replace(current, waker.clone());
                // Dropped after unlocking: it may be the last reference to another wait.
                drop(slots);
                drop(former);
            }
            return false;
        }
        if !self.deadlines.is_alive() {
            return true;
        }
        let (slot, is_earlier) = slots.enter(end, waker);
        drop(slots);
        self.slot = Some(slot);
        if is_earlier {
            self.deadlines.earlier.notify_one();
        }
        false
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let mut slots = self.deadlines.slots.lock();
            // Dropped after unlocking, as above.
            let left = std::mem::replace(&mut slots.slots[slot], Slot::Free);
            slots.free.push(slot);
            drop(slots);
            drop(left);
        }
    }
}

/// Waits in another runtime, with a timer of that.
async fn until_elsewhere<F: Future>(end: Moment, future: Pin<&mut F>) -> Option<F::Output> {
    if !clock::has_timers() {
        return None;
    }
    tokio::select! {
        biased;
        output = future => Some(output),
        () = clock::sleep_until(end) => None,
    }
}

/// The task behind [`Deadlines`].
struct Task(Arc<Deadlines>);

impl Task {
    async fn run(self) {
        let deadlines = &self.0;
        while deadlines.is_alive() {
            let awaited = deadlines.slots.lock().awaited;
            match awaited {
                Some(end) => tokio::select! {
                    () = clock::sleep_until(end) => deadlines.wake_passed(),
                    () = deadlines.earlier.notified() => {}
                },
                None => deadlines.earlier.notified().await,
            }
        }
    }
}

impl Drop for Task {
    /// Ends all waits: nothing would end them any more.
    fn drop(&mut self) {
        self.0.close();
        self.0.wake(|_| true);
    }
}

impl fmt::Debug for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadlines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
