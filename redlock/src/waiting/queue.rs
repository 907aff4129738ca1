//! Who wants what in this process, first come first served.
//!
//! Whoever wants a lock from a manager stands in line for its keys, and only who is first in all of
//! them asks the nodes: five hundred waiters cost the servers what one costs. Whoever gets the lock
//! stays first until it ends, so the next asks right behind its release and not before.
//!
//! LocalQueue save work and keep an order. No exclusion rests on them.

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

/// The lines of a manager, one for each key that anybody wants or has.
#[derive(Debug, Default)]
pub(crate) struct LocalQueue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queues: HashMap<Arc<[u8]>, KeyQueue>,
    tickets: u64,
}

/// A place in line for each of several keys, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    queues: Arc<LocalQueue>,
    keys: Keys,
    number: u64,
    /// After how long without a sign of life others may pass.
    stall_limit: Duration,
}

/// What whoever is first in a line has found out.
#[derive(Clone, Debug)]
pub(crate) enum HeadStatus {
    /// Nothing yet.
    None,
    /// The lock is its own.
    Held(Weak<dyn Holder>),
    /// What its last round met, and when.
    Refused(Moment, LockError),
}

/// Whoever has a lock, as those behind it see it.
pub(crate) trait Holder: std::fmt::Debug + Send + Sync {
    /// On how many nodes it has the lock, and for how long.
    fn hold(&self) -> (u16, Duration);
}

impl LocalQueue {
    /// Takes a place in the lines of all `keys` at once: so whoever is before another in one line
    /// is so in all, and no two can wait for each other. Says whether this is first in all.
    pub(crate) fn join(
        self: &Arc<Self>,
        keys: &Keys,
        now: Moment,
        stall_limit: Duration,
    ) -> (Ticket, bool) {
        let (number, is_first) = self.lock().join(keys, later(now, stall_limit));
        (self.number(keys, number, stall_limit), is_first)
    }

    /// The same, if there is nobody in any of the lines; otherwise what is known of whoever is.
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
        Ok(self.number(keys, number, stall_limit))
    }

    fn number(self: &Arc<Self>, keys: &Keys, number: u64, stall_limit: Duration) -> Ticket {
        Ticket {
            queues: Arc::clone(self),
            keys: keys.clone(),
            number,
            stall_limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here can panic between two changes that belong together.
        self.0.lock()
    }
}

impl Ticket {
    /// Waits to be first in all lines.
    ///
    /// Cancel safe: the place is kept.
    pub(crate) async fn first(&self) {
        loop {
            let turn = poll_fn(|cx| self.poll_first(cx));
            if tokio::time::timeout(TICK, turn).await.is_ok() {
                return;
            }
            self.skip_stalled();
        }
    }

    /// Tells those behind what was met here, and that whoever met it was alive `now`, if that
    /// matters.
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

    /// What whoever is before this has found out.
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

    /// Takes those out of line who are first, do not hold the lock, and have not been heard of: a
    /// request that nobody polls must not keep others from the lock for ever.
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
        // Where there are several, the next is woken for each, and looks at all.
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Those who want one key. There is somebody, or there is no line.
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
    /// From when on others may pass, unless there is a sign of life before.
    stalled_from: Moment,
}

impl State {
    fn join(&mut self, keys: &Keys, stalled_from: Moment) -> (u64, bool) {
        self.tickets += 1;
        let (number, mut is_first) = (self.tickets, true);
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

    /// Whether nobody is before `ticket`; who was taken out of line need not wait for others.
    fn is_first(&self, key: &Arc<[u8]>, number: u64) -> bool {
        self.queues.get(key).is_none_or(|queue| {
            queue.first.number == number || !queue.others.iter().any(|it| it.number == number)
        })
    }

    /// Takes `ticket` out of a line. Returns whom to wake.
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
        // Not absent before it has had a chance to be polled.
        let heard_of = later(Moment::now(), 2 * TICK);
        queue.first.stalled_from = queue.first.stalled_from.max(heard_of);
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
