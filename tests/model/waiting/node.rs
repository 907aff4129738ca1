//! A node: its key, its waiting list, and the scripts that access them, each of them atomic.

use std::collections::BTreeSet;
use std::mem;

use super::message::{Acquire, Entry, Hinted, Lease, Push, Vote, Waiter};
use super::rules::{LIST_TTL, Micros, POPS, RESERVATION, Requeue, Rules};

/// A node.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) is_down: bool,
    /// The time by which its clock is ahead.
    pub(crate) skew: Micros,
    pub(crate) lock: Option<Lock>,
    pub(crate) list: List,
    pub(crate) next: Option<Reservation>,
    pub(crate) subscribers: BTreeSet<Waiter>,
    pub(crate) watchers: BTreeSet<Waiter>,
    /// What the last step has published.
    pub(crate) pushes: Vec<(Waiter, Push)>,
}

/// The lock key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lock {
    lease: Lease,
    until: Micros,
}

/// The reservation of a node for a hinted waiter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reservation {
    waiter: Waiter,
    until: Micros,
}

/// The waiting list: waiters by the moment at which they began to wait, by the clock of the node.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) waiters: BTreeSet<(Micros, Waiter)>,
    until: Micros,
}

impl Node {
    pub(crate) fn acquire(&mut self, now: Micros, rules: &Rules, acquire: Acquire) -> Vote {
        self.expire(now);
        let Acquire { lease, entry, .. } = acquire;
        let blocked = self.blocked_until(rules, entry.waiter, acquire.is_first);
        let Some((until, is_reserved)) = blocked else {
            let until = now + acquire.ttl;
            self.lock = Some(Lock { lease, until });
            self.key_changed();
            self.end_reservation(entry.waiter);
            self.list.remove(entry.waiter);
            return Vote::Granted;
        };
        self.register(now, entry);
        Vote::Busy {
            remaining: until - now,
            rank: self.list.rank(entry.waiter),
            is_reserved,
        }
    }

    /// Deletes the key if the lease holds it, and hints a waiter if the key is free.
    ///
    /// `requeue` is the waiter of a lost round.
    pub(crate) fn release(
        &mut self,
        now: Micros,
        rules: &Rules,
        lease: Lease,
        requeue: Option<Entry>,
    ) -> Hinted {
        self.expire(now);
        if self.lock.take_if(|lock| lock.lease == lease).is_some() {
            self.key_changed();
        }
        let register = |node: &mut Self, when| {
            let entry = requeue.filter(|_| rules.requeues == when);
            entry.inspect(|entry| node.register(now, *entry));
        };
        register(self, Requeue::BeforeHint);
        let hinted = self.hint_if_free(now, rules);
        register(self, Requeue::AfterHint);
        hinted
    }

    /// Removes a waiter. If it was hinted, hints another one.
    pub(crate) fn leave(&mut self, now: Micros, rules: &Rules, waiter: Waiter) -> Hinted {
        self.expire(now);
        self.list.remove(waiter);
        if self.end_reservation(waiter) && rules.passes_on {
            self.hint_if_free(now, rules)
        } else {
            Hinted::Idle
        }
    }

    /// Hints a waiter if the last one did not take the key.
    pub(crate) fn recheck(&mut self, now: Micros, rules: &Rules) -> Hinted {
        self.expire(now);
        self.hint_if_free(now, rules)
    }

    /// Returns the time left of the key, and watches the key for the waiter.
    pub(crate) fn look(&mut self, now: Micros, waiter: Waiter) -> Option<Micros> {
        self.expire(now);
        self.watchers.insert(waiter);
        self.lock.map(|lock| lock.until - now)
    }

    /// Deletes what has expired.
    pub(crate) fn expire(&mut self, now: Micros) {
        if self.lock.take_if(|it| it.until <= now).is_some() {
            self.key_changed();
        }
        self.next.take_if(|it| it.until <= now);
        if self.list.until <= now {
            self.list.waiters.clear();
        }
    }

    pub(crate) fn is_reserved_at(&self, now: Micros) -> bool {
        self.next.is_some_and(|next| next.until > now)
    }

    pub(crate) fn is_reserved_for(&self, waiter: Waiter) -> bool {
        self.next.is_some_and(|next| next.waiter == waiter)
    }

    /// Forgets a connection.
    pub(crate) fn disconnect(&mut self, waiter: Waiter) {
        self.subscribers.remove(&waiter);
        self.watchers.remove(&waiter);
    }

    /// Returns until when another lease or another waiter's reservation blocks the key, and whether
    /// it is a reservation.
    fn blocked_until(
        &self,
        rules: &Rules,
        waiter: Waiter,
        is_first: bool,
    ) -> Option<(Micros, bool)> {
        let is_mine = self.is_reserved_for(waiter);
        if is_mine && rules.next_grants {
            return None;
        }
        if let Some(lock) = self.lock {
            return Some((lock.until, false));
        }
        let next = self.next.filter(|_| !is_mine && !is_first);
        next.map(|next| (next.until, true))
    }

    fn hint_if_free(&mut self, now: Micros, rules: &Rules) -> Hinted {
        match (self.lock, self.next) {
            (Some(_), _) => Hinted::Busy,
            (None, Some(_)) if rules.respects_next => Hinted::Pending,
            _ => self.hint(now, rules),
        }
    }

    /// Hints the first waiter that has a subscriber.
    fn hint(&mut self, now: Micros, rules: &Rules) -> Hinted {
        for _ in 0..POPS {
            let Some(first) = self.list.waiters.first().copied() else {
                return Hinted::Idle;
            };
            let (_, waiter) = first;
            let is_live = self.subscribers.contains(&waiter);
            if rules.pops || !is_live {
                self.list.waiters.remove(&first);
            }
            if is_live || !rules.skips_dead {
                self.pushes.push((waiter, Push::Hint));
                let until = if rules.next_expires {
                    now + RESERVATION
                } else {
                    Micros::MAX
                };
                self.next = Some(Reservation { waiter, until });
                return Hinted::Pending;
            }
        }
        if rules.resumes {
            Hinted::Pending
        } else {
            Hinted::Idle
        }
    }

    fn register(&mut self, now: Micros, entry: Entry) {
        let began = now + self.skew - entry.waited;
        self.list.remove(entry.waiter);
        self.list.waiters.insert((began, entry.waiter));
        self.list.until = now + LIST_TTL;
    }

    /// Ends the reservation of a waiter. Returns whether it had one.
    fn end_reservation(&mut self, waiter: Waiter) -> bool {
        self.next.take_if(|next| next.waiter == waiter).is_some()
    }

    fn key_changed(&mut self) {
        let watchers = mem::take(&mut self.watchers).into_iter();
        self.pushes.extend(watchers.map(|it| (it, Push::Changed)));
    }
}

impl List {
    fn remove(&mut self, waiter: Waiter) {
        self.waiters.retain(|(_, it)| *it != waiter);
    }

    fn rank(&self, waiter: Waiter) -> usize {
        let ahead = self.waiters.iter().take_while(|(_, it)| *it != waiter);
        ahead.count()
    }
}
