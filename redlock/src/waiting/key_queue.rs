//! The requests for one key, in order of arrival.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::time::clock::{Moment, TICK};
use crate::waiting::head::HeadStatus;

/// The queue of one key. It is never empty: an empty queue is removed.
///
/// Numbers grow in order of arrival, so each request is found without a search through the others.
#[derive(Debug)]
pub(super) struct KeyQueue {
    head: Head,
    /// Boxed, because most heads have none behind them.
    behind: Option<Box<Behind>>,
    pub(super) status: HeadStatus,
}

#[derive(Debug, Default)]
struct Behind {
    /// The requests behind the head, and what wakes each.
    waiters: BTreeMap<u64, Option<Waker>>,
    /// The number of checks in a row that have found the head stalled.
    stalls: u32,
}

#[derive(Debug)]
struct Head {
    number: u64,
    /// The moment from which others may overtake, unless a sign of life comes before.
    stalled_from: Moment,
}

impl KeyQueue {
    pub(super) fn new(number: u64, stalled_from: Moment) -> Self {
        Self {
            head: Head {
                number,
                stalled_from,
            },
            behind: None,
            status: HeadStatus::Waiting(None),
        }
    }

    pub(super) fn join(&mut self, number: u64) {
        let behind = self.behind.get_or_insert_default();
        behind.waiters.insert(number, None);
    }

    pub(super) fn is_contended(&self) -> bool {
        let behind = self.behind.as_ref();
        behind.is_some_and(|it| !it.waiters.is_empty())
    }

    pub(super) fn head(&self) -> u64 {
        self.head.number
    }

    /// Whether a request waits behind the head. One that was removed need not wait.
    pub(super) fn is_waiting(&self, number: u64) -> bool {
        let behind = self.behind.as_ref();
        behind.is_some_and(|it| it.waiters.contains_key(&number))
    }

    /// Sets what wakes a request that waits.
    pub(super) fn wake_by(&mut self, number: u64, waker: &Waker) {
        let waiters = self.behind.as_mut().map(|it| &mut it.waiters);
        if let Some(current) = waiters.and_then(|it| it.get_mut(&number)) {
            match current {
                Some(current) => current.clone_from(waker),
                None => *current = Some(waker.clone()),
            }
        }
    }

    /// Records a sign of life of the request, if it is at the head.
    pub(super) fn keep_alive(&mut self, number: u64, stalled_from: Moment) {
        if self.head.number == number {
            self.head.stalled_from = stalled_from;
            if let Some(behind) = &mut self.behind {
                behind.stalls = 0;
            }
        }
    }

    /// Whether the head gave no sign of life for too long. A holder need not give any.
    pub(super) fn is_stalled(&self, now: Moment) -> bool {
        !matches!(self.status, HeadStatus::Held(_)) && now >= self.head.stalled_from
    }

    /// Records that the head is stalled. Returns the number of requests to let go: twice as many each time.
    /// They are most likely those of one runtime that is not driven, and each of them would stall too.
    pub(super) fn stall(&mut self) -> usize {
        let stalls = &mut self.behind.get_or_insert_default().stalls;
        let count = 1 << (*stalls).min(MAX_DOUBLINGS);
        *stalls = stalls.saturating_add(1);
        count
    }

    /// Removes a request. Returns `None` if it was the last one, and otherwise the waker of the next
    /// head if it was at the head. Reads the clock only then.
    pub(super) fn leave(
        &mut self,
        number: u64,
        now: impl FnOnce() -> Moment,
    ) -> Option<Option<Waker>> {
        let behind = self.behind.as_mut();
        if self.head.number != number {
            behind.and_then(|it| it.waiters.remove(&number));
            return Some(None);
        }
        let (number, waker) = behind?.waiters.pop_first()?;
        let now = now();
        self.head = Head {
            number,
            // It is not stalled before it has had a chance to be polled.
            stalled_from: now.checked_add(2 * TICK).unwrap_or(now),
        };
        if matches!(self.status, HeadStatus::Held(_)) {
            self.status = HeadStatus::Waiting(None);
        }
        Some(waker)
    }
}

const MAX_DOUBLINGS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_leave_from_anywhere_and_the_first_is_next() {
        let now = Moment::now();
        let mut queue = KeyQueue::new(1, now);
        (2..=5).for_each(|number| queue.join(number));
        assert!(queue.leave(3, || now).is_some() && !queue.is_waiting(3));
        assert!(queue.leave(9, || now).is_some(), "it was removed before");
        assert_eq!(queue.head(), 1);
        for next in [2, 4, 5] {
            assert!(queue.leave(queue.head(), || now).is_some());
            assert_eq!(queue.head(), next);
            assert!(!queue.is_waiting(next));
        }
        assert!(!queue.is_contended());
        assert!(queue.leave(5, || now).is_none(), "it was the last one");
    }

    #[test]
    fn a_new_head_is_given_time_to_be_polled() {
        let now = Moment::now();
        let mut queue = KeyQueue::new(1, now);
        queue.join(2);
        assert!(queue.is_stalled(now));
        queue.leave(1, || now);
        assert!(!queue.is_stalled(now.checked_add(TICK).unwrap()));
        let late = now.checked_add(2 * TICK).unwrap();
        assert!(queue.is_stalled(late));
        queue.keep_alive(1, late.checked_add(TICK).unwrap());
        assert!(queue.is_stalled(late), "not a sign of the head");
        queue.keep_alive(2, late.checked_add(TICK).unwrap());
        assert!(!queue.is_stalled(late));
    }
}
