//! The keys of one node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;
use crate::lease_id::LeaseId;
use crate::node::{Extension, Record, Removal, Vote};

/// Keys with their lease ids, and the node's own idea of time.
#[derive(Debug, Default)]
pub(super) struct Store {
    keys: HashMap<Arc<[u8]>, Entry>,
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

impl Store {
    pub(super) fn acquire(&mut self, key: &Arc<[u8]>, id: &LeaseId, ttl: Duration) -> Vote {
        let now = self.now();
        if let Some(entry) = self.live(key, now) {
            return Vote::Busy {
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
        Vote::Granted
    }

    pub(super) fn extend(&mut self, key: &[u8], id: &LeaseId, ttl: Duration) -> Extension {
        let now = self.now();
        match self.live(key, now) {
            Some(entry) if entry.id == *id => {
                let expires = now.checked_add(ttl).unwrap_or(now);
                entry.expires = entry.expires.max(expires);
                Extension::Confirmed
            }
            _ => Extension::NotHeld,
        }
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

    pub(super) fn inspect(&mut self, key: &[u8]) -> Option<Record> {
        let now = self.now();
        self.live(key, now).map(|entry| Record {
            id: Some(entry.id.clone()),
            remaining: Some(entry.expires.saturating_since(now)),
        })
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

    fn live(&mut self, key: &[u8], now: Moment) -> Option<&mut Entry> {
        self.keys.get_mut(key).filter(|entry| entry.expires > now)
    }

    /// Throws out expired keys whenever their number may have doubled: constant time per key.
    fn sweep(&mut self, now: Moment) {
        if self.keys.len() >= self.sweep_at {
            self.keys.retain(|_, entry| entry.expires > now);
            self.sweep_at = (self.keys.len() * 2).max(64);
        }
    }
}
