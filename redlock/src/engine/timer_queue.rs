//! The entries of a timer, by the moment at which they are due.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::time::clock::Moment;

/// An object that is called at a moment.
pub(crate) trait Timed: fmt::Debug + Send + Sync {
    /// Called when the moment has come. May insert the next one.
    fn on_timer(self: Arc<Self>);

    /// Called instead if the timer ends before.
    fn on_close(self: Arc<Self>) {}
}

#[derive(Debug, Default)]
pub(super) struct TimerQueue {
    /// The entries by time. Those of many leases are due at a thousand moments or so, so this stays small.
    due: BTreeMap<Moment, Slots>,
    /// The number of moments so far.
    count: u32,
    /// The moment that the task sleeps for. The entry of that moment may be removed.
    pub(super) awaited: Option<Moment>,
    pub(super) is_closed: bool,
}

/// The entries of one moment.
#[derive(Debug, Default)]
struct Slots {
    /// Distinguishes the entries of one moment from later ones of the same moment, once these are gone.
    number: u32,
    /// Most moments have one entry, or many.
    first: Option<Weak<dyn Timed>>,
    more: Vec<Option<Weak<dyn Timed>>>,
    /// The number of slots that are in use.
    used: usize,
    /// The slot that was freed last, if it is still free.
    free: Option<u32>,
}

/// A place in the queue, which is removed at most once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerKey {
    pub(super) at: Moment,
    /// That of the entries of the moment.
    number: u32,
    /// The slot among them.
    slot: u32,
}

impl TimerQueue {
    /// Inserts an entry. Returns its place, and whether it is earlier than what the task sleeps for.
    pub(super) fn insert(&mut self, at: Moment, timed: Weak<dyn Timed>) -> (TimerKey, bool) {
        let count = &mut self.count;
        let slots = self.due.entry(at).or_insert_with(|| {
            *count = count.wrapping_add(1);
            Slots {
                number: *count,
                ..Slots::default()
            }
        });
        let key = TimerKey {
            at,
            number: slots.number,
            slot: slots.add(timed),
        };
        let is_earlier = self.awaited.is_none_or(|awaited| at < awaited);
        if is_earlier {
            self.awaited = Some(at);
        }
        (key, is_earlier)
    }

    /// Removes an entry, unless it is gone: it may have been called.
    pub(super) fn remove(&mut self, key: TimerKey) -> Option<Weak<dyn Timed>> {
        let Entry::Occupied(mut slots) = self.due.entry(key.at) else {
            return None;
        };
        if slots.get().number != key.number {
            return None;
        }
        let removed = slots.get_mut().remove(key.slot);
        if slots.get().used == 0 {
            slots.remove();
        }
        removed
    }

    /// Removes the entries that are due, and finds the next moment.
    pub(super) fn take_due(&mut self, now: Moment) -> Vec<Arc<dyn Timed>> {
        let mut due = Vec::new();
        while let Some(entry) = self.due.first_entry() {
            if *entry.key() > now {
                break;
            }
            let timed = entry.remove().into_iter();
            due.extend(timed.filter_map(|it| it.upgrade()));
        }
        self.awaited = self.due.first_key_value().map(|(at, _)| *at);
        due
    }

    /// Removes and returns all entries.
    pub(super) fn take_all(&mut self) -> Vec<Arc<dyn Timed>> {
        let left = std::mem::take(&mut self.due).into_values();
        let left = left.flat_map(Slots::into_iter);
        left.filter_map(|it| it.upgrade()).collect()
    }
}

impl Slots {
    /// Puts an entry into a slot. Returns the slot.
    fn add(&mut self, timed: Weak<dyn Timed>) -> u32 {
        self.used += 1;
        let slot = match self.free.take() {
            Some(free) => free,
            None if self.first.is_none() && self.more.is_empty() => 0,
            None => {
                self.more.push(None);
                // More would not fit into memory.
                self.more.len() as u32
            }
        };
        *self.slot(slot) = Some(timed);
        slot
    }

    fn remove(&mut self, slot: u32) -> Option<Weak<dyn Timed>> {
        let removed = self.slot(slot).take();
        if removed.is_some() {
            self.used -= 1;
            self.free = Some(slot);
        }
        removed
    }

    fn slot(&mut self, slot: u32) -> &mut Option<Weak<dyn Timed>> {
        match slot.checked_sub(1) {
            None => &mut self.first,
            Some(index) => &mut self.more[index as usize],
        }
    }

    fn into_iter(self) -> impl Iterator<Item = Weak<dyn Timed>> {
        self.first
            .into_iter()
            .chain(self.more.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl Timed for Nothing {
        fn on_timer(self: Arc<Self>) {}
    }

    /// A lease removes the entry by which it was called.
    #[test]
    fn a_key_never_removes_the_entry_of_another() {
        let (mut queue, at, timed) = (TimerQueue::default(), Moment::now(), Arc::new(Nothing));
        let insert = |queue: &mut TimerQueue| {
            let timed: Weak<Nothing> = Arc::downgrade(&timed);
            queue.insert(at, timed).0
        };
        let keys: Vec<_> = (0..5).map(|_| insert(&mut queue)).collect();
        assert!(queue.remove(keys[2]).is_some());
        assert!(queue.remove(keys[2]).is_none());
        let again = insert(&mut queue);
        assert_eq!(queue.take_due(at).len(), 5);
        let later: Vec<_> = (0..5).map(|_| insert(&mut queue)).collect();
        for gone in keys.into_iter().chain([again]) {
            assert!(queue.remove(gone).is_none());
        }
        for key in later {
            assert!(queue.remove(key).is_some());
        }
        assert!(queue.due.is_empty());
        let next = at.saturating_add(Duration::from_nanos(1));
        let timed: Weak<Nothing> = Arc::downgrade(&timed);
        queue.insert(next, timed);
        assert!(queue.take_due(at).is_empty());
        assert_eq!(queue.take_all().len(), 1);
    }
}
