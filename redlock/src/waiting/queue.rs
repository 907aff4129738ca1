//! Who wants what in this process, first come first served.
//!
//! Whoever wants a lock from a manager stands in line for its keys, and only who is first in all of
//! them asks the nodes: five hundred waiters cost the servers what one costs. Whoever gets the lock
//! stays first until it ends, so the next asks right behind its release and not before.
//!
//! Lines save work and keep an order. No exclusion rests on them.

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
pub(crate) struct Lines(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lines: HashMap<Arc<[u8]>, Line>,
    tickets: u64,
}

/// A place in line for each of several keys, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lines: Arc<Lines>,
    keys: Keys,
    ticket: u64,
    /// After how long without a sign of life others may pass.
    patience: Duration,
}

/// What whoever is first in a line has found out.
#[derive(Clone, Debug)]
pub(crate) enum News {
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

impl Lines {
    /// Takes a place in the lines of all `keys` at once: so whoever is before another in one line
    /// is so in all, and no two can wait for each other. Says whether this is first in all.
    pub(crate) fn join(
        self: &Arc<Self>,
        keys: &Keys,
        now: Moment,
        patience: Duration,
    ) -> (Place, bool) {
        let (ticket, is_first) = self.lock().join(keys, later(now, patience));
        (self.place(keys, ticket, patience), is_first)
    }

    /// The same, if there is nobody in any of the lines; otherwise what is known of whoever is.
    pub(crate) fn join_if_empty(
        self: &Arc<Self>,
        keys: &Keys,
        now: Moment,
        patience: Duration,
    ) -> Result<Place, News> {
        let ticket = {
            let mut state = self.lock();
            if let Some(line) = keys.iter().find_map(|key| state.lines.get(key)) {
                return Err(line.news.clone());
            }
            state.join(keys, later(now, patience)).0
        };
        Ok(self.place(keys, ticket, patience))
    }

    fn place(self: &Arc<Self>, keys: &Keys, ticket: u64, patience: Duration) -> Place {
        Place {
            lines: Arc::clone(self),
            keys: keys.clone(),
            ticket,
            patience,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here can panic between two changes that belong together.
        self.0.lock()
    }
}

impl Place {
    /// Waits to be first in all lines.
    ///
    /// Cancel safe: the place is kept.
    pub(crate) async fn first(&self) {
        loop {
            let turn = poll_fn(|cx| self.poll_first(cx));
            if tokio::time::timeout(TICK, turn).await.is_ok() {
                return;
            }
            self.pass_the_absent();
        }
    }

    /// Tells those behind what was met here, and that whoever met it was alive `now`, if that
    /// matters.
    pub(crate) fn tell(&self, news: &News, now: Option<Moment>) {
        let mut state = self.lines.lock();
        for key in &self.keys {
            if let Some(line) = state.lines.get_mut(key)
                && line.first.ticket == self.ticket
            {
                line.news = news.clone();
                if let Some(now) = now {
                    line.first.absent_from = later(now, self.patience);
                }
            }
        }
    }

    /// What whoever is before this has found out.
    pub(crate) fn news(&self) -> News {
        let state = self.lines.lock();
        let blocked = |key: &&Arc<[u8]>| !state.is_first(key, self.ticket);
        let line = self
            .keys
            .iter()
            .find(blocked)
            .and_then(|key| state.lines.get(key));
        line.map_or(News::None, |line| line.news.clone())
    }

    fn poll_first(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lines.lock();
        let alive = later(Moment::now(), self.patience);
        let mut is_first = true;
        for key in &self.keys {
            let Some(line) = state.lines.get_mut(key) else {
                continue;
            };
            if let Some(entry) = line.find(self.ticket) {
                entry.absent_from = alive;
                entry.waker = Some(cx.waker().clone());
            }
            is_first &= state.is_first(key, self.ticket);
        }
        if is_first {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Takes those out of line who are first, do not hold the lock, and have not been heard of: a
    /// request that nobody polls must not keep others from the lock for ever.
    fn pass_the_absent(&self) {
        let now = Moment::now();
        let mut wakers = Vec::new();
        {
            let mut state = self.lines.lock();
            for key in &self.keys {
                let Some(line) = state.lines.get(key) else {
                    continue;
                };
                let is_absent = line.first.ticket != self.ticket
                    && !matches!(line.news, News::Held(_))
                    && now >= line.first.absent_from;
                if is_absent {
                    let ticket = line.first.ticket;
                    wakers.extend(state.leave(key, ticket));
                }
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let wakers: Vec<_> = {
            let mut state = self.lines.lock();
            let keys = self.keys.iter();
            keys.filter_map(|key| state.leave(key, self.ticket))
                .collect()
        };
        // Where there are several, the next is woken for each, and looks at all.
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Those who want one key. There is somebody, or there is no line.
#[derive(Debug)]
struct Line {
    first: Entry,
    others: VecDeque<Entry>,
    news: News,
}

#[derive(Debug)]
struct Entry {
    ticket: u64,
    waker: Option<Waker>,
    /// From when on others may pass, unless there is a sign of life before.
    absent_from: Moment,
}

impl State {
    fn join(&mut self, keys: &Keys, absent_from: Moment) -> (u64, bool) {
        self.tickets += 1;
        let (ticket, mut is_first) = (self.tickets, true);
        for key in keys {
            let entry = Entry {
                ticket,
                waker: None,
                absent_from,
            };
            match self.lines.entry(Arc::clone(key)) {
                Slot::Occupied(line) => {
                    is_first = false;
                    line.into_mut().others.push_back(entry);
                }
                Slot::Vacant(slot) => drop(slot.insert(Line {
                    first: entry,
                    others: VecDeque::new(),
                    news: News::None,
                })),
            }
        }
        (ticket, is_first)
    }

    /// Whether nobody is before `ticket`; who was taken out of line need not wait for others.
    fn is_first(&self, key: &Arc<[u8]>, ticket: u64) -> bool {
        self.lines.get(key).is_none_or(|line| {
            line.first.ticket == ticket || !line.others.iter().any(|it| it.ticket == ticket)
        })
    }

    /// Takes `ticket` out of a line. Returns whom to wake.
    fn leave(&mut self, key: &Arc<[u8]>, ticket: u64) -> Option<Waker> {
        let line = self.lines.get_mut(key)?;
        if line.first.ticket != ticket {
            line.others.retain(|entry| entry.ticket != ticket);
            return None;
        }
        let Some(next) = line.others.pop_front() else {
            self.lines.remove(key);
            return None;
        };
        line.first = next;
        if matches!(line.news, News::Held(_)) {
            line.news = News::None;
        }
        // Not absent before it has had a chance to be polled.
        let heard_of = later(Moment::now(), 2 * TICK);
        line.first.absent_from = line.first.absent_from.max(heard_of);
        line.first.waker.take()
    }
}

impl Line {
    fn find(&mut self, ticket: u64) -> Option<&mut Entry> {
        if self.first.ticket == ticket {
            return Some(&mut self.first);
        }
        self.others.iter_mut().find(|entry| entry.ticket == ticket)
    }
}

fn later(now: Moment, patience: Duration) -> Moment {
    now.checked_add(patience).unwrap_or(now)
}
