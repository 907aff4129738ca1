//! The waiting lists of one node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::node::{Keys, Waiter, Watch};
use crate::time::clock::Moment;

/// The waiting lists, by key.
#[derive(Debug, Default)]
pub(super) struct WaitingLists {
    by_key: HashMap<Arc<[u8]>, List>,
    /// The number of lists at which those without a waiter are removed.
    sweep_at: usize,
}

/// The waiters for one key.
#[derive(Debug, Default)]
struct List {
    /// In the order in which they began to wait.
    waiters: Vec<(Moment, Watch)>,
    /// The hinted waiter, and the moment until which the key is kept free for it.
    next: Option<(Watch, Moment)>,
}

impl WaitingLists {
    /// Returns the first key that is kept free for another waiter, with the time left.
    pub(super) fn reserved(
        &self,
        keys: &Keys,
        waiter: Option<&Waiter>,
        now: Moment,
    ) -> Option<(usize, Duration)> {
        let mut reserved = keys.iter().enumerate().filter_map(|(index, key)| {
            let (next, until) = self.by_key.get(key)?.next.as_ref()?;
            let is_other = !waiter.is_some_and(|waiter| waiter.watch.is_same(next));
            (is_other && *until > now).then(|| (index, until.saturating_since(now)))
        });
        reserved.next()
    }

    /// Adds a waiter to the list of `keys[blocked]`, and removes it from those of its other keys.
    /// Returns the number of waiters ahead of it, and the keys that are no longer kept free for it.
    pub(super) fn join(
        &mut self,
        keys: &Keys,
        blocked: usize,
        waiter: &Waiter,
        now: Moment,
    ) -> (u32, Vec<Arc<[u8]>>) {
        let mut passed_on = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            if index != blocked && self.remove(key, &waiter.watch) {
                passed_on.push(Arc::clone(key));
            }
        }
        self.sweep(now);
        let list = self
            .by_key
            .entry(Arc::clone(&keys.as_slice()[blocked]))
            .or_default();
        list.waiters
            .retain(|(_, watch)| watch.is_live() && !watch.is_same(&waiter.watch));
        let began = now.checked_sub(waiter.waited).unwrap_or(now);
        let rank = list.waiters.partition_point(|(other, _)| *other <= began);
        list.waiters.insert(rank, (began, waiter.watch.clone()));
        (u32::try_from(rank).unwrap_or(u32::MAX), passed_on)
    }

    /// Removes a waiter from the lists of its keys, and what was kept free for it. Returns the keys
    /// that were.
    pub(super) fn leave(&mut self, keys: &Keys, watch: &Watch) -> Vec<Arc<[u8]>> {
        let mut freed = Vec::new();
        for key in keys {
            if self.remove(key, watch) {
                freed.push(Arc::clone(key));
            }
        }
        freed
    }

    /// Keeps a free key for its first waiter, unless it is kept already. Returns the watch to hint.
    pub(super) fn hint(&mut self, key: &[u8], now: Moment) -> Option<Watch> {
        let list = self.by_key.get_mut(key)?;
        let is_kept = |(next, until): &(Watch, Moment)| *until > now && next.is_live();
        if list.next.as_ref().is_some_and(is_kept) {
            return None;
        }
        list.waiters.retain(|(_, watch)| watch.is_live());
        if list.waiters.is_empty() {
            self.by_key.remove(key);
            return None;
        }
        let (_, watch) = list.waiters.remove(0);
        let until = now.checked_add(RESERVATION).unwrap_or(now);
        list.next = Some((watch.clone(), until));
        Some(watch)
    }

    /// The number of waiters for a key.
    pub(super) fn len(&self, key: &[u8]) -> u32 {
        let list = self.by_key.get(key);
        let live = list.map(|list| list.waiters.iter().filter(|(_, watch)| watch.is_live()));
        live.map_or(0, |live| u32::try_from(live.count()).unwrap_or(u32::MAX))
    }

    /// Removes the lists of waiters that are gone, each time their number has doubled.
    fn sweep(&mut self, now: Moment) {
        if self.by_key.len() < self.sweep_at {
            return;
        }
        self.by_key.retain(|_, list| {
            list.waiters.retain(|(_, watch)| watch.is_live());
            let is_kept = list.next.as_ref().is_some_and(|(_, until)| *until > now);
            is_kept || !list.waiters.is_empty()
        });
        self.sweep_at = (self.by_key.len() * 2).max(64);
    }

    /// Removes a waiter from one list. Returns whether the key was kept free for it.
    fn remove(&mut self, key: &Arc<[u8]>, watch: &Watch) -> bool {
        let Some(list) = self.by_key.get_mut(key) else {
            return false;
        };
        list.waiters.retain(|(_, other)| !other.is_same(watch));
        let is_next = |(next, _): &(Watch, Moment)| next.is_same(watch);
        let was_next = list.next.as_ref().is_some_and(is_next);
        if was_next {
            list.next = None;
        }
        if list.waiters.is_empty() && list.next.is_none() {
            self.by_key.remove(key);
        }
        was_next
    }
}

/// The time for which a key is kept free for the waiter that was hinted.
const RESERVATION: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Watcher;

    struct Nothing;

    impl Watcher for Nothing {
        fn key_changed(&self, _node: usize) {}
    }

    #[test]
    fn lists_of_waiters_that_are_gone_are_removed() {
        let (mut lists, now) = (WaitingLists::default(), Moment::now());
        for number in 0..10_000_usize {
            let watcher = Arc::new(Nothing);
            let waiter = Waiter::new(Watch::new(&watcher, 0), Duration::ZERO);
            let key: Arc<[u8]> = number.to_ne_bytes()[..].into();
            lists.join(&key.into(), 0, &waiter, now);
        }
        assert!(lists.by_key.len() <= 64, "{}", lists.by_key.len());
    }
}
