//! The live leases of an engine.
//!
//! The timers cannot serve as this list: a lease that is due right now, or that sets a new moment, has
//! no entry there.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::error::LossReason;
use crate::lease_id::LeaseId;
use crate::node::{Keys, SessionObserver};
use crate::sync::Mutex;
use crate::time::clock::Moment;

/// A lease that is held.
pub(crate) trait LiveLease: Send + Sync {
    fn id(&self) -> &LeaseId;

    /// Called when a node has a new connection: it may have been down, and may have lost its data.
    /// Of many leases, each waits for a random time first.
    fn on_node_connected(self: Arc<Self>, node: usize, are_many: bool);

    /// Called when another lease has the id of some of these keys, in place of this one.
    fn on_adopted(self: Arc<Self>, keys: &Keys);

    /// Called when the lease is to be released at some of these keys, by its id. A lease that has one
    /// ends for the reason, calls `release`, and queues its own releases. Returns whether it does.
    fn on_unlocked(
        self: Arc<Self>,
        keys: &Keys,
        why: LossReason,
        release: &mut dyn FnMut(),
    ) -> bool;

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
    /// A few bytes of the id in each slot, so that few leases are compared.
    tags: Vec<u64>,
    free: Vec<Slot>,
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
pub(crate) type Slot = u32;

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

    pub(crate) fn insert(&self, id: &LeaseId, lease: Weak<dyn LiveLease>) -> Slot {
        let mut slots = self.slots.lock();
        match slots.free.pop() {
            Some(slot) => {
                slots.leases[slot as usize] = Some(lease);
                slots.tags[slot as usize] = tag(id);
                slot
            }
            None => {
                slots.leases.push(Some(lease));
                slots.tags.push(tag(id));
                // Four billion leases would not fit into memory.
                (slots.leases.len() - 1) as Slot
            }
        }
    }

    pub(crate) fn remove(&self, slot: Slot) {
        let mut slots = self.slots.lock();
        // Dropped after unlocking: it may be the last reference to the lease.
        let removed = slots.leases[slot as usize].take();
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

    /// Whether so many leases are held that what all of them do is spread over time.
    pub(crate) fn are_many(&self) -> bool {
        self.live() > FEW
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

    /// Returns the live lease with this id.
    pub(crate) fn find(&self, id: &LeaseId) -> Option<Arc<dyn LiveLease>> {
        let candidates: Vec<_> = {
            let (slots, tag) = (self.slots.lock(), tag(id));
            let tagged = slots.tags.iter().zip(&slots.leases);
            let tagged = tagged.filter(|(other, _)| **other == tag);
            tagged
                .filter_map(|(_, lease)| lease.as_ref()?.upgrade())
                .collect()
        };
        // After unlocking: each may be the last reference to its lease.
        candidates.into_iter().find(|lease| lease.id() == id)
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
    fn chunk(&self, next: &mut usize) -> Option<Vec<Arc<dyn LiveLease>>> {
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
        let are_many = self.are_many();
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

/// The last bytes of an id, which are random in those that were drawn.
fn tag(id: &LeaseId) -> u64 {
    let last = id.as_bytes().iter().rev().take(8);
    last.fold(0, |tag, byte| tag << 8 | u64::from(*byte))
}

/// The number of leases that respond at once: their extensions are one batch.
const FEW: usize = 64;

/// The time within which leases respond at once.
const AT_ONCE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counter {
        id: LeaseId,
        connected: AtomicUsize,
        shut_down: AtomicUsize,
    }

    impl Default for Counter {
        fn default() -> Self {
            Self {
                id: LeaseId::draw(),
                connected: AtomicUsize::new(0),
                shut_down: AtomicUsize::new(0),
            }
        }
    }

    impl LiveLease for Counter {
        fn id(&self) -> &LeaseId {
            &self.id
        }

        fn on_adopted(self: Arc<Self>, _keys: &Keys) {}

        fn on_unlocked(self: Arc<Self>, _: &Keys, _: LossReason, _: &mut dyn FnMut()) -> bool {
            false
        }

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
                let live: Weak<Counter> = Arc::downgrade(lease);
                registry.insert(&lease.id, live)
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
        let id = &leases[1].id;
        assert_eq!(registry.insert(id, other), slots[1]);
        let found = registry.find(id).map(|found| found.id().clone());
        assert_eq!(found.as_ref(), Some(id));
        registry.remove(slots[1]);
        assert!(registry.find(id).is_none());
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
            let live: Weak<Counter> = Arc::downgrade(lease);
            registry.insert(&lease.id, live);
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
