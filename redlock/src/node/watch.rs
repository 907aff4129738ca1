//! The way a node tells that it is worth another look.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::node::keys::Keys;

/// Whoever waits for keys that others have.
pub trait Watcher: Send + Sync {
    /// The node at position `node` may have let go of a key, or was told to keep it longer. Called on any thread, and any number
    /// of times; must not block.
    fn key_changed(&self, node: usize);
}

/// Whom to tell when a key may be free: a registration that ends by itself when nobody waits any
/// more.
#[derive(Clone)]
pub struct Watch {
    watcher: Weak<dyn Watcher>,
    node: usize,
}

impl Watch {
    /// Tells `watcher`, for as long as it lives, about the node at position `node`.
    #[must_use]
    pub fn new<W: Watcher + 'static>(watcher: &Arc<W>, node: usize) -> Self {
        let watcher = Arc::downgrade(watcher);
        Self { watcher, node }
    }

    /// Tells that the key may be free. Says whether anybody heard it.
    pub fn notify(&self) -> bool {
        let Some(watcher) = self.watcher.upgrade() else {
            return false;
        };
        watcher.key_changed(self.node);
        true
    }

    /// Whether this tells the same watcher about the same node.
    fn is_same(&self, other: &Self) -> bool {
        self.node == other.node && Weak::ptr_eq(&self.watcher, &other.watcher)
    }

    /// Whether anybody waits.
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

/// Tells all of them.
pub(super) fn notify_all(watches: &[Watch]) {
    for watch in watches {
        let _is_heard = watch.notify();
    }
}

/// Who is to be told about which key. Telling is left to the caller, once it holds no lock.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_key: HashMap<Arc<[u8]>, Vec<Watch>>,
    /// The number of keys at which those are thrown out for which nobody waits any more.
    sweep_at: usize,
}

impl Watches {
    /// Adds somebody who waits for `keys`, once for each.
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
            // Asking again is the usual case, and every time it is the same who asks.
            watches.retain(|other| other.is_live() && !other.is_same(watch));
            watches.push(watch.clone());
        }
    }

    /// Takes out those who wait for `key`: to be told once.
    pub(super) fn take(&mut self, key: &[u8]) -> Vec<Watch> {
        self.by_key.remove(key).unwrap_or_default()
    }

    /// Takes out those who wait for one of `keys`, if these have changed.
    pub(super) fn take_if(&mut self, are_changed: bool, keys: &Keys) -> Vec<Watch> {
        if !are_changed || self.by_key.is_empty() {
            return Vec::new();
        }
        keys.iter().flat_map(|key| self.take(key)).collect()
    }

    /// Takes out everybody.
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
    fn whoever_waits_is_told_once_however_often_it_has_asked() {
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
        assert_eq!(watches.take_all().len(), 1, "it still waits for the other");
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn nobody_is_kept_who_does_not_wait_any_more() {
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
