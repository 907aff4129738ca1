//! Keys and counters of one node.

mod adopt;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::lease_id::LeaseId;
use crate::node::{
    Extend, Extension, Fence, Keys, Raised, Rearmed, Record, Removal, Sight, Snapshot, Stamp, Vote,
};
use crate::time::clock::Moment;
use crate::time::validity;

/// Keys with their lease ids, the counters, and the node's own clock.
#[derive(Debug, Default)]
pub(super) struct Store {
    keys: HashMap<Arc<[u8]>, Entry>,
    counters: HashMap<Arc<[u8]>, Counter>,
    /// How far the node's clock is ahead of Tokio's.
    clock_offset: Duration,
    /// The number of keys or counters at which expired ones are removed.
    sweep_at: usize,
}

#[derive(Debug)]
struct Entry {
    id: LeaseId,
    expires: Moment,
    /// The lease from which the key was adopted.
    former: Option<FormerOwner>,
    label: Option<Arc<str>>,
}

/// The former owner of a key, while its adopter has not decided.
#[derive(Clone, Debug)]
struct FormerOwner {
    id: LeaseId,
    until: Moment,
}

impl Entry {
    fn new(id: &LeaseId, expires: Moment) -> Self {
        Self {
            id: id.clone(),
            expires,
            former: None,
            label: None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    value: u64,
    expires: Moment,
}

impl Store {
    pub(super) fn acquire(
        &mut self,
        keys: &Keys,
        id: &LeaseId,
        ttl: Duration,
        fence: Option<Fence>,
    ) -> Vote {
        let now = self.now();
        let counter = self.largest_counter(keys, now);
        if let Some(remaining) = self.longest(keys, now) {
            return busy(remaining, counter);
        }
        self.sweep(now);
        let expires = now.saturating_add(ttl);
        for key in keys {
            self.keys.insert(Arc::clone(key), Entry::new(id, expires));
        }
        let stamp = fence.map(|fence| Stamp::Moved(self.move_counters(keys, fence, now)));
        Vote::Granted { stamp }
    }

    /// Returns the refusal of an acquire that must wait for at least this long.
    pub(super) fn refuse(&mut self, keys: &Keys, least: Duration) -> Vote {
        let now = self.now();
        let remaining = self.longest(keys, now).unwrap_or_default();
        busy(remaining.max(least), self.largest_counter(keys, now))
    }

    /// Whether a key exists.
    pub(super) fn is_held(&mut self, key: &[u8]) -> bool {
        let now = self.now();
        self.live_entry(key, now).is_some()
    }

    pub(super) fn look(&mut self, keys: &Keys) -> Sight {
        let now = self.now();
        match self.longest(keys, now) {
            Some(left) => Sight::Held {
                remaining: Some(left),
            },
            None => Sight::Free,
        }
    }

    pub(super) fn extend(&mut self, it: &Extend) -> Extension {
        let (now, keys) = (self.now(), &it.keys);
        let held = self.held(keys, &it.id, now);
        if held != Extension::Confirmed {
            return held;
        }
        let expires = now.saturating_add(it.ttl);
        for key in keys {
            if let Some(entry) = self.keys.get_mut(key) {
                entry.expires = entry.expires.max(expires);
                if it.label.is_some() {
                    entry.label.clone_from(&it.label);
                }
            }
        }
        let retention = it.fence_retention;
        if let Some(until) = retention.and_then(|retention| now.checked_add(retention)) {
            for key in keys {
                if let Some(counter) = self.live_counter(key, now) {
                    counter.expires = counter.expires.max(until);
                }
            }
        }
        Extension::Confirmed
    }

    pub(super) fn raise(
        &mut self,
        keys: &Keys,
        id: &LeaseId,
        token: u64,
        retention: Duration,
    ) -> Raised {
        let now = self.now();
        if self.held(keys, id, now) != Extension::Confirmed {
            return Raised::NotHeld;
        }
        let counter = self.largest_counter(keys, now);
        if let Some(counter) = counter.filter(|counter| *counter >= token) {
            return Raised::Beyond(counter);
        }
        self.set_counters(keys, token, retention, now);
        Raised::Moved
    }

    pub(super) fn rearm(
        &mut self,
        keys: &Keys,
        id: &LeaseId,
        ttl: Duration,
        fence: Option<(u64, Duration)>,
    ) -> Rearmed {
        let now = self.now();
        let others = keys.iter().filter_map(|key| {
            let entry = self.live_entry(key, now).filter(|entry| entry.id != *id);
            entry.map(|entry| entry.expires)
        });
        if let Some(expires) = others.max() {
            let remaining = Some(expires.saturating_since(now));
            return Rearmed::Busy { remaining };
        }
        let expires = now.saturating_add(ttl);
        for key in keys {
            if let Some(entry) = self.live_entry(key, now) {
                entry.expires = entry.expires.max(expires);
                continue;
            }
            self.keys.insert(Arc::clone(key), Entry::new(id, expires));
        }
        if let Some((token, retention)) = fence {
            for key in keys {
                let value = self
                    .counter(key, now)
                    .map_or(token, |value| value.max(token));
                let key = Keys::from(Arc::clone(key));
                self.set_counters(&key, value, retention, now);
            }
        }
        Rearmed::Armed
    }

    pub(super) fn release(
        &mut self,
        keys: &Keys,
        id: &LeaseId,
        keep_until: Option<Moment>,
    ) -> Removal {
        let now = self.now();
        // The moment was taken on the caller's clock, not on the node's.
        let expiry_delay = keep_until
            .map(|until| validity::remaining(until, Moment::now()))
            .filter(|left| !left.is_zero());
        let mut removal = Removal::Absent;
        for key in keys {
            let Some(entry) = self.live_entry(key, now).filter(|entry| entry.id == *id) else {
                continue;
            };
            removal = Removal::Deleted;
            match expiry_delay {
                Some(delay) => entry.expires = now.checked_add(delay).unwrap_or(entry.expires),
                None => drop(self.keys.remove(key)),
            }
        }
        removal
    }

    pub(super) fn inspect(&mut self, key: &[u8]) -> Snapshot {
        let now = self.now();
        let record = self.live_entry(key, now).map(|entry| {
            let remaining = entry.expires.saturating_since(now);
            let label = entry.label.clone();
            Record::new(Some(entry.id.clone()), Some(remaining)).label(label)
        });
        Snapshot::new(record, self.counter(key, now))
    }

    pub(super) fn forget_keys(&mut self) {
        self.keys.clear();
    }

    pub(super) fn skip(&mut self, ahead: Duration) {
        self.clock_offset = self.clock_offset.saturating_add(ahead);
    }

    pub(super) fn len(&self) -> usize {
        let now = self.now();
        self.keys
            .values()
            .filter(|entry| entry.expires > now)
            .count()
    }

    /// The moment on the node's own clock.
    pub(super) fn now(&self) -> Moment {
        let now = Moment::now();
        now.saturating_add(self.clock_offset)
    }

    /// Returns the counter of a key, if there is one.
    fn counter(&mut self, key: &[u8], now: Moment) -> Option<u64> {
        self.live_counter(key, now).map(|counter| counter.value)
    }

    fn live_counter(&mut self, key: &[u8], now: Moment) -> Option<&mut Counter> {
        self.counters
            .get_mut(key)
            .filter(|counter| counter.expires > now)
    }

    fn largest_counter(&mut self, keys: &Keys, now: Moment) -> Option<u64> {
        keys.iter().filter_map(|key| self.counter(key, now)).max()
    }

    /// Moves the counters of `keys` as a grant does. Returns their new value.
    fn move_counters(&mut self, keys: &Keys, fence: Fence, now: Moment) -> u64 {
        let counter = self.largest_counter(keys, now);
        let value = counter.map_or(fence.proposal, |value| fence.proposal.max(value + 1));
        self.set_counters(keys, value, fence.retention, now);
        value
    }

    /// Sets the counters of `keys` to `value`, and keeps each for at least `retention`.
    fn set_counters(&mut self, keys: &Keys, value: u64, retention: Duration, now: Moment) {
        let expires = now.saturating_add(retention);
        for key in keys {
            let counter = Counter { value, expires };
            let entry = self.counters.entry(Arc::clone(key)).or_insert(counter);
            *entry = Counter {
                value,
                expires: entry.expires.max(expires),
            };
        }
    }

    /// Returns the time until the last of the keys expires, if one exists.
    fn longest(&mut self, keys: &Keys, now: Moment) -> Option<Duration> {
        let held = keys.iter().filter_map(|key| {
            let entry = self.live_entry(key, now)?;
            Some(entry.expires.saturating_since(now))
        });
        held.max()
    }

    fn live_entry(&mut self, key: &[u8], now: Moment) -> Option<&mut Entry> {
        self.keys.get_mut(key).filter(|entry| entry.expires > now)
    }

    /// Removes what has expired, each time the store has doubled: amortized constant time per key.
    fn sweep(&mut self, now: Moment) {
        if self.keys.len().max(self.counters.len()) >= self.sweep_at {
            self.keys.retain(|_, entry| entry.expires > now);
            self.counters.retain(|_, counter| counter.expires > now);
            self.sweep_at = (self.keys.len().max(self.counters.len()) * 2).max(64);
        }
    }
}

fn busy(remaining: Duration, counter: Option<u64>) -> Vote {
    Vote::Busy {
        remaining: Some(remaining),
        counter,
        rank: None,
    }
}
