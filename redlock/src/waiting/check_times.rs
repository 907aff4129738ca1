//! The times at which the heads of local queues are checked.

use std::collections::{HashSet, VecDeque};

use crate::node::HashedKey;
use crate::time::clock::{Moment, TICK};

/// The next checks of the queues that have a request behind the head, each about a [`TICK`] away.
#[derive(Debug, Default)]
pub(super) struct CheckTimes {
    /// In the order in which they are due.
    due: VecDeque<(Moment, HashedKey)>,
    keys: HashSet<HashedKey>,
}

impl CheckTimes {
    /// Schedules the next check of a queue, unless there is one.
    pub(super) fn schedule(&mut self, key: &HashedKey, now: Moment) {
        if !self.keys.contains(key) {
            self.keys.insert(key.clone());
            let due = now.checked_add(TICK).unwrap_or(now);
            self.due.push_back((due, key.clone()));
        }
    }

    /// Returns a queue whose check is due, and forgets it.
    pub(super) fn take_due(&mut self, now: Moment) -> Option<HashedKey> {
        // A time that is further away is that of a runtime whose clock was paused and moved.
        let is_due = |due: Moment| due <= now || due.saturating_since(now) > TICK;
        self.due.front().filter(|(due, _)| is_due(*due))?;
        let (_, key) = self.due.pop_front()?;
        self.keys.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::node::Keys;

    fn key(name: &str) -> HashedKey {
        let key = Arc::<[u8]>::from(name.as_bytes());
        Keys::from(key).hashed().first().clone()
    }

    #[test]
    fn each_queue_is_due_once_after_a_tick() {
        let (mut times, start) = (CheckTimes::default(), Moment::now());
        for _ in 0..3 {
            times.schedule(&key("a"), start);
            times.schedule(&key("b"), start);
        }
        assert_eq!(times.take_due(start), None);
        let due = start.checked_add(TICK).unwrap();
        assert_eq!(times.take_due(due), Some(key("a")));
        times.schedule(&key("a"), due);
        assert_eq!(times.take_due(due), Some(key("b")));
        assert_eq!(times.take_due(due), None);
    }

    #[test]
    fn a_time_of_another_clock_does_not_hold_up_the_others() {
        let (mut times, start) = (CheckTimes::default(), Moment::now());
        times.schedule(&key("a"), start.checked_add(1000 * TICK).unwrap());
        times.schedule(&key("b"), start);
        let due = start.checked_add(TICK).unwrap();
        assert_eq!(times.take_due(due), Some(key("a")));
        assert_eq!(times.take_due(due), Some(key("b")));
    }
}
