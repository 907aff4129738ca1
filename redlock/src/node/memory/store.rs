//! The keys of one node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;
use crate::lease_id::LeaseId;
use crate::node::{Extension, Fence, Raised, Record, Removal, Snapshot, Stamp, Vote};

/// Keys with their lease ids, and the node's own idea of time.
#[derive(Debug, Default)]
pub(super) struct Store {
    keys: HashMap<Arc<[u8]>, Entry>,
    counters: HashMap<Arc<[u8]>, Counter>,
    /// How far the node's clock is ahead of ours.
    ahead: Duration,
    /// The number of keys at which expired ones are thrown out.
    sweep_at: usize,
}

#[derive(Debug)]
struct Entry {
    id: LeaseId,
    expires: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    value: u64,
    expires: Moment,
}

impl Store {
    pub(super) fn acquire(
        &mut self,
        key: &Arc<[u8]>,
        id: &LeaseId,
        ttl: Duration,
        fence: Option<Fence>,
    ) -> Vote {
        let now = self.now();
        let counter = self.counter(key, now);
        if let Some(entry) = self.live(key, now) {
            return Vote::Busy {
                counter,
                remaining: Some(entry.expires.saturating_since(now)),
            };
        }
        self.sweep(now);
        let expires = now.checked_add(ttl).unwrap_or(now);
        self.keys.insert(
            Arc::clone(key),
            Entry {
                id: id.clone(),
                expires,
            },
        );
        let stamp = fence.map(|fence| {
            let value = counter.map_or(fence.proposal, |value| fence.proposal.max(value + 1));
            self.count(key, value, fence.retention, now);
            Stamp::Moved(value)
        });
        Vote::Granted { stamp }
    }

    pub(super) fn extend(
        &mut self,
        key: &Arc<[u8]>,
        id: &LeaseId,
        ttl: Duration,
        retention: Option<Duration>,
    ) -> Extension {
        let now = self.now();
        let counter = self.counter(key, now);
        match self.live(key, now) {
            Some(entry) if entry.id == *id => {
                let expires = now.checked_add(ttl).unwrap_or(now);
                entry.expires = entry.expires.max(expires);
                if let (Some(value), Some(retention)) = (counter, retention) {
                    self.count(key, value, retention, now);
                }
                Extension::Confirmed
            }
            _ => Extension::NotHeld,
        }
    }

    pub(super) fn raise(
        &mut self,
        key: &Arc<[u8]>,
        id: &LeaseId,
        token: u64,
        retention: Duration,
    ) -> Raised {
        let now = self.now();
        if self.live(key, now).is_none_or(|entry| entry.id != *id) {
            return Raised::NotHeld;
        }
        if let Some(counter) = self.counter(key, now).filter(|counter| *counter >= token) {
            return Raised::Beyond(counter);
        }
        self.count(key, token, retention, now);
        Raised::Moved
    }

    pub(super) fn release(&mut self, key: &[u8], id: &LeaseId) -> Removal {
        let now = self.now();
        match self.live(key, now) {
            Some(entry) if entry.id == *id => {
                self.keys.remove(key);
                Removal::Deleted
            }
            _ => Removal::Absent,
        }
    }

    pub(super) fn inspect(&mut self, key: &[u8]) -> Snapshot {
        let now = self.now();
        let record = self.live(key, now).map(|entry| Record {
            id: Some(entry.id.clone()),
            remaining: Some(entry.expires.saturating_since(now)),
        });
        Snapshot {
            record,
            counter: self.counter(key, now),
        }
    }

    pub(super) fn forget_keys(&mut self) {
        self.keys.clear();
    }

    pub(super) fn skip(&mut self, ahead: Duration) {
        self.ahead = self.ahead.saturating_add(ahead);
    }

    pub(super) fn len(&self) -> usize {
        let now = self.now();
        self.keys
            .values()
            .filter(|entry| entry.expires > now)
            .count()
    }

    fn now(&self) -> Moment {
        let now = Moment::now();
        now.checked_add(self.ahead).unwrap_or(now)
    }

    /// Where the counter of a key is.
    fn counter(&self, key: &[u8], now: Moment) -> Option<u64> {
        self.counters
            .get(key)
            .filter(|counter| counter.expires > now)
            .map(|counter| counter.value)
    }

    /// Writes a counter, and keeps it for longer if need be.
    fn count(&mut self, key: &Arc<[u8]>, value: u64, retention: Duration, now: Moment) {
        let expires = now.checked_add(retention).unwrap_or(now);
        let counter = Counter { value, expires };
        let kept = self.counters.entry(Arc::clone(key)).or_insert(counter);
        *kept = Counter {
            value,
            expires: kept.expires.max(expires),
        };
    }

    fn live(&mut self, key: &[u8], now: Moment) -> Option<&mut Entry> {
        self.keys.get_mut(key).filter(|entry| entry.expires > now)
    }

    /// Throws out what has expired whenever there may be twice as much: constant time per key.
    fn sweep(&mut self, now: Moment) {
        if self.keys.len().max(self.counters.len()) >= self.sweep_at {
            self.keys.retain(|_, entry| entry.expires > now);
            self.counters.retain(|_, counter| counter.expires > now);
            self.sweep_at = (self.keys.len().max(self.counters.len()) * 2).max(64);
        }
    }
}
