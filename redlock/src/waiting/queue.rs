//! The FIFO queue of a process, one for each key.
//!
//! A request joins the queues of its keys, and only the request at the head of all of them contends
//! at the nodes: five hundred local waiters cost the servers as much as one. A holder stays at the
//! head until its lease ends, so the next request is sent right behind its release.
//!
//! The queue saves work and keeps an order. Exclusion does not depend on it.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::error::LockError;
use crate::node::Keys;
use crate::sync::Mutex;
use crate::time::clock::{Moment, TICK};

/// The queues of a manager, one for each key that is requested or held.
#[derive(Debug, Default)]
pub(crate) struct LocalQueue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queues: HashMap<Arc<[u8]>, KeyQueue>,
    last_number: u64,
}

/// A place in the queues of one request's keys. Dropping it leaves them.
#[derive(Debug)]
pub(crate) struct Ticket {
    queues: Arc<LocalQueue>,
    keys: Keys,
    number: u64,
    /// The time without a sign of life after which others may overtake.
    stall_limit: Duration,
}

/// What the head of a queue knows about its lock.
#[derive(Clone, Debug)]
pub(crate) enum HeadStatus {
    /// Nothing yet.
    None,
    /// It holds the lock.
    Held(Weak<dyn Holder>),
    /// The moment and the error of its last round.
    Refused(Moment, LockError),
}

/// A holder, as the requests behind it see it.
pub(crate) trait Holder: std::fmt::Debug + Send + Sync {
    /// The number of nodes that hold the lock for it, and the time left.
    fn hold(&self) -> (u16, Duration);
}

impl LocalQueue {
    /// Joins the queues of all `keys` at once. The order is the same in all queues, so no two
    /// requests can wait for each other. Returns whether the request is at the head of all.
    pub(crate) fn join(
        self: &Arc<Self>,
        keys: &Keys,
        now: Moment,
        stall_limit: Duration,
    ) -> (Ticket, bool) {
        let (number, is_first) = self.lock().join(keys, later(now, stall_limit));
        (self.ticket(keys, number, stall_limit), is_first)
    }

    /// Joins the queues only if all are empty. Returns the status of a head otherwise.
    pub(crate) fn join_if_empty(
        self: &Arc<Self>,
        keys: &Keys,
        now: Moment,
        stall_limit: Duration,
    ) -> Result<Ticket, HeadStatus> {
        let number = {
            let mut state = self.lock();
            if let Some(queue) = keys.iter().find_map(|key| state.queues.get(key)) {
                return Err(queue.status.clone());
            }
            state.join(keys, later(now, stall_limit)).0
        };
        Ok(self.ticket(keys, number, stall_limit))
    }

    fn ticket(self: &Arc<Self>, keys: &Keys, number: u64, stall_limit: Duration) -> Ticket {
        Ticket {
            queues: Arc::clone(self),
            keys: keys.clone(),
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
        loop {
            let turn = poll_fn(|cx| self.poll_first(cx));
            if tokio::time::timeout(TICK, turn).await.is_ok() {
                return;
            }
            self.skip_stalled();
        }
    }

    /// Publishes a status to the requests behind. With `now`, also records a sign of life.
    pub(crate) fn publish(&self, status: &HeadStatus, now: Option<Moment>) {
        let mut state = self.queues.lock();
        for key in &self.keys {
            if let Some(queue) = state.queues.get_mut(key)
                && queue.first.number == self.number
            {
                queue.status = status.clone();
                if let Some(now) = now {
                    queue.first.stalled_from = later(now, self.stall_limit);
                }
            }
        }
    }

    /// Records a sign of life of a request at the head.
    pub(crate) fn keep_alive(&self, now: Moment) {
        let mut state = self.queues.lock();
        for key in &self.keys {
            if let Some(queue) = state.queues.get_mut(key)
                && queue.first.number == self.number
            {
                queue.first.stalled_from = later(now, self.stall_limit);
            }
        }
    }

    /// The status of a head that this ticket waits for.
    pub(crate) fn status(&self) -> HeadStatus {
        let state = self.queues.lock();
        let blocked = |key: &&Arc<[u8]>| !state.is_first(key, self.number);
        let queue = self
            .keys
            .iter()
            .find(blocked)
            .and_then(|key| state.queues.get(key));
        queue.map_or(HeadStatus::None, |queue| queue.status.clone())
    }

    fn poll_first(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.queues.lock();
        let alive = later(Moment::now(), self.stall_limit);
        let mut is_first = true;
        for key in &self.keys {
            let Some(queue) = state.queues.get_mut(key) else {
                continue;
            };
            if let Some(entry) = queue.find(self.number) {
                entry.stalled_from = alive;
                entry.waker = Some(cx.waker().clone());
            }
            is_first &= state.is_first(key, self.number);
        }
        if is_first {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Removes stalled heads: those that do not hold the lock and gave no sign of life. A request
    /// that is no longer polled must not block the others.
    fn skip_stalled(&self) {
        let now = Moment::now();
        let mut wakers = Vec::new();
        {
            let mut state = self.queues.lock();
            for key in &self.keys {
                let Some(queue) = state.queues.get(key) else {
                    continue;
                };
                let is_stalled = queue.first.number != self.number
                    && !matches!(queue.status, HeadStatus::Held(_))
                    && now >= queue.first.stalled_from;
                if is_stalled {
                    let number = queue.first.number;
                    wakers.extend(state.leave(key, number));
                }
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let wakers: Vec<_> = {
            let mut state = self.queues.lock();
            let keys = self.keys.iter();
            keys.filter_map(|key| state.leave(key, self.number))
                .collect()
        };
        // A request with several keys is woken for each of them, and checks all.
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The queue of one key. It is never empty: an empty queue is removed.
#[derive(Debug)]
struct KeyQueue {
    first: Entry,
    others: VecDeque<Entry>,
    status: HeadStatus,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    waker: Option<Waker>,
    /// The moment from which others may overtake, unless a sign of life comes before.
    stalled_from: Moment,
}

impl State {
    fn join(&mut self, keys: &Keys, stalled_from: Moment) -> (u64, bool) {
        self.last_number += 1;
        let (number, mut is_first) = (self.last_number, true);
        for key in keys {
            let entry = Entry {
                number,
                waker: None,
                stalled_from,
            };
            match self.queues.entry(Arc::clone(key)) {
                Slot::Occupied(queue) => {
                    is_first = false;
                    queue.into_mut().others.push_back(entry);
                }
                Slot::Vacant(slot) => drop(slot.insert(KeyQueue {
                    first: entry,
                    others: VecDeque::new(),
                    status: HeadStatus::None,
                })),
            }
        }
        (number, is_first)
    }

    /// Whether a ticket is at the head. A ticket that was removed need not wait either.
    fn is_first(&self, key: &Arc<[u8]>, number: u64) -> bool {
        self.queues.get(key).is_none_or(|queue| {
            queue.first.number == number || !queue.others.iter().any(|it| it.number == number)
        })
    }

    /// Removes a ticket from a queue. Returns the waker of the next head.
    fn leave(&mut self, key: &Arc<[u8]>, number: u64) -> Option<Waker> {
        let queue = self.queues.get_mut(key)?;
        if queue.first.number != number {
            queue.others.retain(|entry| entry.number != number);
            return None;
        }
        let Some(next) = queue.others.pop_front() else {
            self.queues.remove(key);
            return None;
        };
        queue.first = next;
        if matches!(queue.status, HeadStatus::Held(_)) {
            queue.status = HeadStatus::None;
        }
        // The new head is not stalled before it has had a chance to be polled.
        let alive = later(Moment::now(), 2 * TICK);
        queue.first.stalled_from = queue.first.stalled_from.max(alive);
        queue.first.waker.take()
    }
}

impl KeyQueue {
    fn find(&mut self, number: u64) -> Option<&mut Entry> {
        if self.first.number == number {
            return Some(&mut self.first);
        }
        self.others.iter_mut().find(|entry| entry.number == number)
    }
}

fn later(now: Moment, stall_limit: Duration) -> Moment {
    now.checked_add(stall_limit).unwrap_or(now)
}
