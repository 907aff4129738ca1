//! The FIFO queue of a process, one for each key.
//!
//! A request joins the queues of its keys, and only the request at the head of all of them contends
//! at the nodes: five hundred local waiters cost the servers as much as one. A holder stays at the
//! head until its lease ends, so the next request is sent right behind its release.
//!
//! The requests behind the head sleep, and have no timer. Every engine with such requests
//! [checks](LocalQueue::check_heads) the heads instead: a runtime that is not driven must not block the
//! requests of others.
//!
//! ```text
//! runtime A   lock ── held ── (the thread blocks) ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─
//! runtime B             lock ── check: held ── check: expired ── head ── round ── guard
//! ```
//!
//! The queue saves work and keeps an order. Exclusion does not depend on it.

use std::collections::hash_map::Entry as Slot;
use std::future::poll_fn;
use std::num::NonZeroU64;
use std::sync::{Arc, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::node::{HashedKey, HashedMap, Keys};
use crate::one_or_many::OneOrMany;
use crate::sync::Mutex;
use crate::time::clock::Moment;
use crate::waiting::check_times::CheckTimes;
use crate::waiting::head::{HeadStatus, Holder};
use crate::waiting::key_queue::KeyQueue;

/// The queues of a manager, one for each key that is requested or held.
#[derive(Debug, Default)]
pub(crate) struct LocalQueue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queues: HashedMap<HashedKey, KeyQueue>,
    last_number: u64,
    checks: CheckTimes,
}

/// A place in the queues of one request's keys. Dropping it leaves them.
#[derive(Debug)]
pub(crate) struct Ticket {
    queues: Arc<LocalQueue>,
    keys: OneOrMany<HashedKey>,
    /// Zero once it has become a [`Place`].
    number: u64,
    /// The time without a sign of life after which others may overtake.
    stall_limit: Duration,
}

/// The place of a holder, without what its lease has too. [`LocalQueue::leave`] leaves the queues.
#[derive(Debug)]
#[must_use = "the requests behind it wait until it has left the queues"]
pub(crate) struct Place(NonZeroU64);

impl LocalQueue {
    /// Joins the queues of all `keys` at once. The order is the same in all queues, so no two
    /// requests can wait for each other. Returns whether the request is at the head of all.
    pub(crate) fn join(
        self: &Arc<Self>,
        keys: &Keys,
        now: Moment,
        stall_limit: Duration,
    ) -> (Ticket, bool) {
        let keys = keys.hashed();
        let (number, is_first) = self.lock().join(&keys, now, stall_limit);
        (self.ticket(keys, number, stall_limit), is_first)
    }

    /// Joins the queues only if all are empty. Returns the status of a head otherwise.
    pub(crate) fn join_if_empty(
        self: &Arc<Self>,
        keys: &Keys,
        now: Moment,
        stall_limit: Duration,
    ) -> Result<Ticket, HeadStatus> {
        let keys = keys.hashed();
        let join = || {
            let mut state = self.lock();
            if let Some(queue) = keys.iter().find_map(|key| state.queues.get(key)) {
                return Err(queue.status.clone());
            }
            let (number, _) = state.join(&keys, now, stall_limit);
            drop(state);
            Ok(self.ticket(keys.clone(), number, stall_limit))
        };
        match join() {
            // A holder whose lease is over has left the queue now.
            Err(HeadStatus::Held(holder)) if ends(&holder) => join(),
            joined => joined,
        }
    }

    /// Removes the heads that block requests and should not: leases that are over, and requests that
    /// are no longer polled. Each head is checked about once a second, whichever engine does it.
    pub(crate) fn check_heads(&self) {
        let now = Moment::now();
        loop {
            let mut blocking = Blocking::default();
            let is_done = {
                let mut state = self.lock();
                let mut due = 0;
                while due < CHUNK
                    && let Some(key) = state.checks.take_due(now)
                {
                    due += 1;
                    state.check(&key, now, &mut blocking);
                }
                due < CHUNK
            };
            blocking.remove();
            if is_done {
                return;
            }
        }
    }

    /// Leaves the queues of all `keys`, which are those of the ticket.
    pub(crate) fn leave(&self, keys: &Keys, place: Place) {
        self.leave_as(&keys.hashed(), place.0.get());
    }

    fn leave_as(&self, keys: &OneOrMany<HashedKey>, number: u64) {
        let wakers: Vec<_> = {
            let mut state = self.lock();
            let keys = keys.iter();
            keys.filter_map(|key| state.leave(key, number, Moment::now))
                .collect()
        };
        // A request with several keys is woken for each of them, and checks all.
        wakers.into_iter().for_each(Waker::wake);
    }

    fn ticket(
        self: &Arc<Self>,
        keys: OneOrMany<HashedKey>,
        number: u64,
        stall_limit: Duration,
    ) -> Ticket {
        Ticket {
            queues: Arc::clone(self),
            keys,
            number,
            stall_limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Ticket {
    /// Waits for the head of all queues.
    ///
    /// Cancel safe: the ticket keeps its place.
    pub(crate) async fn first(&self) {
        let mut blocking = Blocking::default();
        {
            let mut state = self.queues.lock();
            let now = Moment::now();
            for key in self.keys.iter() {
                state.check(key, now, &mut blocking);
            }
        }
        blocking.remove();
        poll_fn(|cx| self.poll_first(cx)).await;
    }

    /// Publishes a status to the requests behind. With `now`, also records a sign of life.
    pub(crate) fn publish(&self, status: &HeadStatus, now: Option<Moment>) {
        let mut state = self.queues.lock();
        for key in self.keys.iter() {
            if let Some(queue) = state.queues.get_mut(key)
                && queue.head() == self.number
            {
                queue.status = status.clone();
                if let Some(now) = now {
                    queue.keep_alive(self.number, later(now, self.stall_limit));
                }
            }
        }
    }

    /// Records a sign of life of a request at the head.
    pub(crate) fn keep_alive(&self, now: Moment) {
        let mut state = self.queues.lock();
        for key in self.keys.iter() {
            if let Some(queue) = state.queues.get_mut(key) {
                queue.keep_alive(self.number, later(now, self.stall_limit));
            }
        }
    }

    /// The status of a head that this ticket waits for.
    pub(crate) fn status(&self) -> HeadStatus {
        let state = self.queues.lock();
        let queues = self.keys.iter().filter_map(|key| state.queues.get(key));
        let mut blocked = queues.filter(|queue| queue.is_waiting(self.number));
        blocked
            .next()
            .map_or(HeadStatus::Waiting(None), |queue| queue.status.clone())
    }

    /// Keeps the place without the ticket.
    pub(crate) fn into_place(mut self) -> Option<Place> {
        NonZeroU64::new(std::mem::take(&mut self.number)).map(Place)
    }

    fn poll_first(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.queues.lock();
        let alive = later(Moment::now(), self.stall_limit);
        let mut is_first = true;
        for key in self.keys.iter() {
            let Some(queue) = state.queues.get_mut(key) else {
                continue;
            };
            queue.keep_alive(self.number, alive);
            if queue.is_waiting(self.number) {
                is_first = false;
                queue.wake_by(self.number, cx.waker());
            }
        }
        if is_first {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.number != 0 {
            self.queues.leave_as(&self.keys, self.number);
        }
    }
}

impl State {
    fn join(
        &mut self,
        keys: &OneOrMany<HashedKey>,
        now: Moment,
        stall_limit: Duration,
    ) -> (u64, bool) {
        self.last_number += 1;
        let (number, mut is_first) = (self.last_number, true);
        for key in keys.iter() {
            match self.queues.entry(key.clone()) {
                Slot::Occupied(queue) => {
                    is_first = false;
                    queue.into_mut().join(number);
                    self.checks.schedule(key, now);
                }
                Slot::Vacant(slot) => {
                    slot.insert(KeyQueue::new(number, later(now, stall_limit)));
                }
            }
        }
        (number, is_first)
    }

    /// Removes a ticket from a queue. Returns the waker of the next head.
    fn leave(
        &mut self,
        key: &HashedKey,
        number: u64,
        now: impl FnOnce() -> Moment,
    ) -> Option<Waker> {
        let next = self.queues.get_mut(key)?.leave(number, now);
        if next.is_none() {
            self.queues.remove(key);
        }
        next.flatten()
    }

    /// Checks the head of one queue, if it blocks a request, and schedules the next check.
    fn check(&mut self, key: &HashedKey, now: Moment, blocking: &mut Blocking) {
        let queue = self.queues.get_mut(key);
        let Some(queue) = queue.filter(|queue| queue.is_contended()) else {
            return;
        };
        if let HeadStatus::Held(holder) = &queue.status {
            blocking.holders.push(Weak::clone(holder));
        } else if queue.is_stalled(now) {
            for _ in 0..queue.stall() {
                let Some(queue) = self.queues.get(key).filter(|it| it.is_contended()) else {
                    break;
                };
                let stalled = queue.head();
                blocking.wakers.extend(self.leave(key, stalled, || now));
            }
        }
        self.checks.schedule(key, now);
    }
}

/// The heads to remove, once the queues are unlocked: a lease that ends leaves them.
#[derive(Default)]
struct Blocking {
    holders: Vec<Weak<dyn Holder>>,
    wakers: Vec<Waker>,
}

impl Blocking {
    fn remove(self) {
        for holder in &self.holders {
            ends(holder);
        }
        self.wakers.into_iter().for_each(Waker::wake);
    }
}

/// Ends a lease that is over. Returns whether it has ended.
fn ends(holder: &Weak<dyn Holder>) -> bool {
    holder.upgrade().is_some_and(|holder| holder.end_if_over())
}

fn later(now: Moment, stall_limit: Duration) -> Moment {
    now.saturating_add(stall_limit)
}

/// The number of heads that are checked while other requests cannot join.
const CHUNK: usize = 256;

#[cfg(test)]
mod tests;
