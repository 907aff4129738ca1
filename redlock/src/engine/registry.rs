//! The live leases of an engine.
//!
//! The timers cannot serve as this list: a lease that is due right now, or that sets a new moment, has
//! no entry there.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::node::SessionObserver;
use crate::sync::Mutex;
use crate::time::clock::Moment;

/// A lease that is held.
pub(crate) trait LiveLease: Send + Sync {
    /// Called when a node has a new connection: it may have been down, and may have lost its data.
    /// Of many leases, each waits for a random time first.
    fn on_node_connected(self: Arc<Self>, node: usize, are_many: bool);

    /// Called when the engine ends.
    fn on_shutdown(self: Arc<Self>);
}

/// The leases, each in a slot of its own.
pub(crate) struct Registry {
    slots: Mutex<Slots>,
    /// Notified when the last lease is removed.
    emptied: Notify,
    /// The leases that were admitted of late.
    admitted: Mutex<Admitted>,
    /// The engine's runtime, for walks over many leases.
    runtime: Handle,
    itself: Weak<Self>,
}

#[derive(Default)]
struct Slots {
    leases: Vec<Option<Weak<dyn LiveLease>>>,
    free: Vec<usize>,
}

/// The number of leases that were admitted since a moment.
#[derive(Default)]
struct Admitted {
    since: Option<Moment>,
    count: usize,
}

impl Slots {
    fn live(&self) -> usize {
        self.leases.len() - self.free.len()
    }
}

/// The slot of a lease.
pub(crate) type Slot = usize;

impl Registry {
    pub(crate) fn new(runtime: &Handle) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            slots: Mutex::default(),
            emptied: Notify::new(),
            admitted: Mutex::default(),
            runtime: runtime.clone(),
            itself: Weak::clone(itself),
        })
    }

    pub(crate) fn insert(&self, lease: Weak<dyn LiveLease>) -> Slot {
        let mut slots = self.slots.lock();
        match slots.free.pop() {
            Some(slot) => {
                slots.leases[slot] = Some(lease);
                slot
            }
            None => {
                slots.leases.push(Some(lease));
                slots.leases.len() - 1
            }
        }
    }

    pub(crate) fn remove(&self, slot: Slot) {
        let mut slots = self.slots.lock();
        // Dropped after unlocking: it may be the last reference to the lease.
        let removed = slots.leases[slot].take();
        if removed.is_some() {
            slots.free.push(slot);
        }
        let is_empty = slots.live() == 0;
        drop(slots);
        drop(removed);
        if is_empty {
            self.emptied.notify_waiters();
        }
    }

    /// The number of leases that are held.
    pub(crate) fn live(&self) -> usize {
        self.slots.lock().live()
    }

    /// Waits until no lease is held. Cancel safe.
    pub(crate) async fn emptied(&self) {
        loop {
            // Registered before the leases are counted, so that no notification is missed.
            let emptied = self.emptied.notified();
            if self.live() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Whether a lease may respond at once to a change that a node has reported. When many keys
    /// change at the same time, most leases wait for a random time instead.
    pub(crate) fn admits(&self) -> bool {
        let mut admitted = self.admitted.lock();
        let now = Moment::now();
        let is_over = |since| now.saturating_since(since) >= AT_ONCE;
        if admitted.since.is_none_or(is_over) {
            *admitted = Admitted {
                since: Some(now),
                count: 0,
            };
        }
        admitted.count += 1;
        admitted.count <= FEW
    }

    /// Shuts down all leases.
    pub(crate) fn shut_down_all(&self) {
        let mut next = 0;
        while let Some(leases) = self.chunk(&mut next) {
            for lease in leases {
                lease.on_shutdown();
            }
        }
    }

    /// Returns the live leases of the next slots, `None` after the last.
    fn chunk(&self, next: &mut Slot) -> Option<Vec<Arc<dyn LiveLease>>> {
        let slots = self.slots.lock();
        let rest = slots.leases.get(*next..)?;
        if rest.is_empty() {
            return None;
        }
        let slots = &rest[..rest.len().min(FEW)];
        *next += slots.len();
        Some(slots.iter().flatten().filter_map(Weak::upgrade).collect())
    }
}

impl SessionObserver for Registry {
    fn connected(&self, node: usize) {
        let are_many = self.slots.lock().live() > FEW;
        let mut next = 0;
        while let Some(leases) = self.chunk(&mut next) {
            for lease in leases {
                lease.on_node_connected(node, are_many);
            }
            if are_many {
                break;
            }
        }
        let Some(registry) = self.itself.upgrade().filter(|_| are_many) else {
            return;
        };
        // Apart from the task of the session, which has commands to send.
        let _detached = self.runtime.spawn(async move {
            while let Some(leases) = registry.chunk(&mut next) {
                for lease in leases {
                    lease.on_node_connected(node, are_many);
                }
                tokio::task::yield_now().await;
            }
        });
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// The number of leases that respond at once: their extensions are one batch.
const FEW: usize = 64;

/// The time within which leases respond at once.
const AT_ONCE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counter {
        connected: AtomicUsize,
        shut_down: AtomicUsize,
    }

    impl LiveLease for Counter {
        fn on_node_connected(self: Arc<Self>, _node: usize, _are_many: bool) {
            self.connected.fetch_add(1, Ordering::Relaxed);
        }

        fn on_shutdown(self: Arc<Self>) {
            self.shut_down.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn each_live_lease_is_called_once_and_slots_are_reused() {
        let registry = Registry::new(&Handle::current());
        let leases: Vec<Arc<Counter>> = (0..3).map(|_| Arc::default()).collect();
        let slots: Vec<Slot> = leases
            .iter()
            .map(|lease| {
                let lease: Weak<Counter> = Arc::downgrade(lease);
                registry.insert(lease)
            })
            .collect();
        registry.remove(slots[1]);
        registry.remove(slots[1]);
        registry.connected(0);
        registry.shut_down_all();
        for (index, lease) in leases.iter().enumerate() {
            let calls = usize::from(index != 1);
            assert_eq!(lease.connected.load(Ordering::Relaxed), calls);
            assert_eq!(lease.shut_down.load(Ordering::Relaxed), calls);
        }
        let other: Weak<Counter> = Arc::downgrade(&leases[1]);
        assert_eq!(registry.insert(other), slots[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn few_leases_are_admitted_at_once() {
        let registry = Registry::new(&Handle::current());
        for _ in 0..3 {
            let admitted = (0..10 * FEW).filter(|_| registry.admits());
            assert_eq!(admitted.count(), FEW);
            tokio::time::advance(AT_ONCE).await;
        }
    }

    #[tokio::test]
    async fn many_leases_are_called_in_chunks() {
        let registry = Registry::new(&Handle::current());
        let leases: Vec<Arc<Counter>> = (0..10 * FEW).map(|_| Arc::default()).collect();
        for lease in &leases {
            let lease: Weak<Counter> = Arc::downgrade(lease);
            registry.insert(lease);
        }
        registry.connected(0);
        let called = || {
            let counts = leases.iter().map(|it| it.connected.load(Ordering::Relaxed));
            counts.sum::<usize>()
        };
        assert_eq!(called(), FEW);
        while called() < leases.len() {
            tokio::task::yield_now().await;
        }
        registry.shut_down_all();
        assert!(
            leases
                .iter()
                .all(|it| it.shut_down.load(Ordering::Relaxed) == 1)
        );
    }
}
