//! Notifications that a key has changed, or that it is a waiter's turn.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::node::keys::Keys;

/// A waiter for keys that others hold, or a holder that must know when its keys are gone.
pub trait Watcher: Send + Sync {
    /// Called when a key may be free at the node at position `node`, or its expiry was postponed.
    ///
    /// May be called on any thread, and any number of times. Must not block.
    fn key_changed(&self, node: usize);

    /// Called when a key is free at the node at position `node`, and kept free for this waiter for a
    /// few milliseconds. As [`key_changed`](Self::key_changed) otherwise.
    fn hinted(&self, node: usize) {
        self.key_changed(node);
    }
}

/// A registration of a [`Watcher`] with one node.
///
/// It does not keep the watcher alive, and ends with it.
#[derive(Clone)]
pub struct Watch {
    watcher: Weak<dyn Watcher>,
    node: usize,
}

impl Watch {
    /// Registers `watcher`, as long as it lives, for the node at position `node`.
    #[must_use]
    pub fn new<W: Watcher + 'static>(watcher: &Arc<W>, node: usize) -> Self {
        let watcher = Arc::downgrade(watcher);
        Self { watcher, node }
    }

    /// Registers a watcher that may be gone by now.
    pub(crate) fn of<W: Watcher + 'static>(watcher: Weak<W>, node: usize) -> Self {
        Self { watcher, node }
    }

    /// Returns a registration of the same watcher for the node at position `node`.
    pub(crate) fn at_node(&self, node: usize) -> Self {
        let watcher = Weak::clone(&self.watcher);
        Self { watcher, node }
    }

    /// The position of the node.
    pub(crate) fn node(&self) -> usize {
        self.node
    }

    /// Notifies the watcher that a key may be free. Returns `false` if the watcher is gone.
    pub fn notify(&self) -> bool {
        let Some(watcher) = self.watcher.upgrade() else {
            return false;
        };
        watcher.key_changed(self.node);
        true
    }

    /// Notifies the watcher that it is its turn. Returns `false` if the watcher is gone.
    pub fn hint(&self) -> bool {
        let Some(watcher) = self.watcher.upgrade() else {
            return false;
        };
        watcher.hinted(self.node);
        true
    }

    /// Whether both notify the same watcher about the same node.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.node == other.node && Weak::ptr_eq(&self.watcher, &other.watcher)
    }

    /// Whether the watcher still exists.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.watcher.strong_count() > 0
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("node", &self.node)
            .field("is_live", &self.is_live())
            .finish()
    }
}

/// Notifies all of them.
pub(super) fn notify_all(watches: &[Watch]) {
    for watch in watches {
        let _was_notified = watch.notify();
    }
}

/// Watches by key.
///
/// The caller notifies them itself, after it has released its own lock.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_key: HashMap<Arc<[u8]>, Vec<Watch>>,
    /// The number of keys at which keys without live watches are removed.
    sweep_at: usize,
}

impl Watches {
    /// Adds `watch` to each of `keys`, once.
    pub(super) fn add(&mut self, keys: &[Arc<[u8]>], watch: &Watch) {
        if self.by_key.len() >= self.sweep_at {
            self.by_key.retain(|_, watches| {
                watches.retain(Watch::is_live);
                !watches.is_empty()
            });
            self.sweep_at = (self.by_key.len() * 2).max(64);
        }
        for key in keys {
            let watches = self.by_key.entry(Arc::clone(key)).or_default();
            // Most registrations come from a waiter that polls again.
            watches.retain(|other| other.is_live() && !other.is_same(watch));
            watches.push(watch.clone());
        }
    }

    /// Removes and returns the watches of `key`, each of which is notified once.
    pub(super) fn take(&mut self, key: &[u8]) -> Vec<Watch> {
        if self.by_key.is_empty() {
            // Without a hash.
            return Vec::new();
        }
        self.by_key.remove(key).unwrap_or_default()
    }

    /// Removes and returns the watches of all `keys`, if these have changed.
    pub(super) fn take_if(&mut self, are_changed: bool, keys: &Keys) -> Vec<Watch> {
        if !are_changed || self.by_key.is_empty() {
            return Vec::new();
        }
        keys.iter().flat_map(|key| self.take(key)).collect()
    }

    /// Removes and returns all watches.
    pub(super) fn take_all(&mut self) -> Vec<Watch> {
        self.by_key
            .drain()
            .flat_map(|(_, watches)| watches)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Watcher for Count {
        fn key_changed(&self, _node: usize) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn keys(names: &[&str]) -> Vec<Arc<[u8]>> {
        let names = names.iter().map(|name| Arc::from(name.as_bytes()));
        names.collect()
    }

    #[test]
    fn repeated_registrations_cause_one_notification() {
        let (mut watches, count) = (Watches::default(), Arc::new(Count::default()));
        for _ in 0..3 {
            watches.add(&keys(&["a", "b"]), &Watch::new(&count, 0));
        }
        assert!(watches.take(b"c").is_empty());
        watches
            .take(b"a")
            .iter()
            .for_each(|watch| assert!(watch.notify()));
        assert!(watches.take(b"a").is_empty());
        assert_eq!(
            watches.take_all().len(),
            1,
            "the watch of the other key stays"
        );
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn watches_of_dropped_watchers_are_removed() {
        let mut watches = Watches::default();
        for number in 0..10_000 {
            let count = Arc::new(Count::default());
            watches.add(&keys(&[&number.to_string()]), &Watch::new(&count, 0));
        }
        assert!(watches.by_key.len() <= 64);
        let gone = watches.take_all();
        assert!(gone.iter().all(|watch| !watch.notify()));
    }
}
