//! The timer of an engine, for everything that is due.
//!
//! One task sleeps until the earliest entry of a queue. An entry costs no task and no timer of its
//! own, so that 100,000 idle guards are one sleep.
//!
//! Most leases end long before their entry is due. The task therefore keeps sleeping until the moment of
//! an entry that was removed, and is woken before that only for one that is earlier:
//!
//! ```text
//! lease A    inserts 10.0 s ── removes it at 1 ms
//! lease B      inserts 10.1 s ─────────────────────────────────────────── called
//! task       sleeps until 10.0 s ────────── finds B, sleeps until 10.1 s ─┘
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::engine::registry::Registry;
use crate::engine::timer_queue::TimerQueue;
pub(crate) use crate::engine::timer_queue::{Timed, TimerKey};
use crate::sync::Mutex;
use crate::time::clock;
use crate::time::clock::Moment;

/// The queue of entries, served by a task on the engine's runtime.
#[derive(Debug)]
pub(crate) struct Timers {
    queue: Mutex<TimerQueue>,
    /// Notified when an entry is earlier than the one that the task waits for.
    earlier: Notify,
    /// The moment from which ticks are counted.
    started: Moment,
}

impl Timers {
    /// Starts the task. When it ends, with the runtime or the engine, it shuts down the leases of
    /// the registry.
    pub(crate) fn start(runtime: &Handle, registry: &Arc<Registry>) -> Arc<Self> {
        let timers = Arc::new(Self {
            queue: Mutex::default(),
            earlier: Notify::new(),
            started: Moment::now(),
        });
        let task = TimerTask {
            timers: Arc::clone(&timers),
            registry: Arc::clone(registry),
        };
        let _detached = runtime.spawn(task.run());
        timers
    }

    /// Whether the task is alive.
    pub(crate) fn is_alive(&self) -> bool {
        !self.lock().is_closed
    }

    /// Ends the task, which shuts down all leases.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.earlier.notify_one();
    }

    /// Returns the last tick up to `at`. Entries of one tick are called together.
    pub(crate) fn align(&self, at: Moment, tick: Duration) -> Moment {
        let since = at.saturating_since(self.started).as_nanos();
        let beyond = since.checked_rem(tick.as_nanos()).unwrap_or_default();
        let beyond = Duration::from_nanos(u64::try_from(beyond).unwrap_or_default());
        at.checked_sub(beyond).unwrap_or(at)
    }

    /// Inserts an entry. Returns `None` if the task has ended.
    pub(crate) fn insert(&self, at: Moment, timed: Weak<dyn Timed>) -> Option<TimerKey> {
        let (key, is_earlier) = {
            let mut queue = self.lock();
            if queue.is_closed {
                return None;
            }
            queue.insert(at, timed)
        };
        if is_earlier {
            self.earlier.notify_one();
        }
        Some(key)
    }

    pub(crate) fn remove(&self, key: TimerKey) {
        let removed = self.lock().remove(key);
        // After unlocking: it may be the last reference.
        drop(removed);
    }

    fn lock(&self) -> MutexGuard<'_, TimerQueue> {
        self.queue.lock()
    }
}

/// The task behind [`Timers`].
struct TimerTask {
    timers: Arc<Timers>,
    registry: Arc<Registry>,
}

impl TimerTask {
    async fn run(self) {
        while self.timers.is_alive() {
            let awaited = self.timers.lock().awaited;
            match awaited {
                // Sleeps in ticks, so that a suspend of the machine is noticed within one.
                Some(moment) => tokio::select! {
                    () = clock::sleep_until(moment) => self.call_due(),
                    () = self.timers.earlier.notified() => {}
                },
                None => self.timers.earlier.notified().await,
            }
        }
    }

    fn call_due(&self) {
        let due = self.timers.lock().take_due(Moment::now());
        for timed in due {
            // All other leases rest on this task.
            let called = catch_unwind(AssertUnwindSafe(|| timed.on_timer()));
            if called.is_err() {
                tracing::error!("a timer has panicked; the others continue");
            }
        }
    }
}

impl Drop for TimerTask {
    /// Shuts down all leases: the runtime or the engine has ended, and nothing extends them any more.
    fn drop(&mut self) {
        let left = {
            let mut queue = self.timers.lock();
            queue.is_closed = true;
            queue.take_all()
        };
        self.registry.shut_down_all();
        for timed in left {
            timed.on_close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counter {
        called: AtomicUsize,
        closed: AtomicUsize,
        panics: bool,
    }

    impl Timed for Counter {
        fn on_timer(self: Arc<Self>) {
            self.called.fetch_add(1, Ordering::Relaxed);
            assert!(!self.panics, "a bug");
        }

        fn on_close(self: Arc<Self>) {
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_panics_does_not_end_the_others() {
        let runtime = Handle::current();
        let timers = Timers::start(&runtime, &Registry::new(&runtime));
        let entry = |panics| {
            Arc::new(Counter {
                panics,
                ..Counter::default()
            })
        };
        let entries = [entry(true), entry(false)];
        let start = Moment::now();
        for (entry, seconds) in entries.iter().zip([1, 2]) {
            let timed: Weak<Counter> = Arc::downgrade(entry);
            timers.insert(
                start.checked_add(Duration::from_secs(seconds)).unwrap(),
                timed,
            );
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        for entry in &entries {
            assert_eq!(entry.called.load(Ordering::Relaxed), 1);
        }
        assert!(timers.is_alive());
    }

    /// A manager that locks and releases in turn would otherwise wake the task, and with it another
    /// thread of the runtime, for each lock.
    #[test]
    fn the_task_is_woken_only_for_an_entry_earlier_than_what_it_sleeps_for() {
        let (mut queue, start) = (TimerQueue::default(), Moment::now());
        let after = |seconds| start.checked_add(Duration::from_secs(seconds)).unwrap();
        let entry = Arc::<Counter>::default();
        let insert = |queue: &mut TimerQueue, seconds| {
            let timed: Weak<Counter> = Arc::downgrade(&entry);
            queue.insert(after(seconds), timed)
        };
        let (first, is_earlier) = insert(&mut queue, 10);
        assert!(is_earlier, "the task sleeps for nothing yet");
        drop(queue.remove(first));
        for seconds in [10, 11, 12] {
            let (key, is_earlier) = insert(&mut queue, seconds);
            assert!(!is_earlier, "it still sleeps until 10 s");
            if seconds < 12 {
                drop(queue.remove(key));
            }
        }
        assert!(queue.take_due(after(10)).is_empty());
        assert_eq!(queue.awaited, Some(after(12)));
        assert!(insert(&mut queue, 9).1);
        assert_eq!(queue.take_due(after(12)).len(), 2);
        assert_eq!(queue.awaited, None);
    }

    #[tokio::test(start_paused = true)]
    async fn entries_that_are_left_are_closed() {
        let runtime = Handle::current();
        let timers = Timers::start(&runtime, &Registry::new(&runtime));
        let entry = Arc::<Counter>::default();
        let timed: Weak<Counter> = Arc::downgrade(&entry);
        let at = Moment::now().checked_add(Duration::from_secs(1)).unwrap();
        assert!(timers.insert(at, timed).is_some());
        timers.close();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(entry.closed.load(Ordering::Relaxed), 1);
        assert_eq!(entry.called.load(Ordering::Relaxed), 0);
        let timed: Weak<Counter> = Arc::downgrade(&entry);
        assert!(timers.insert(at, timed).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn ticks_are_never_late() {
        let runtime = Handle::current();
        let timers = Timers::start(&runtime, &Registry::new(&runtime));
        let after = |nanos| {
            let start = timers.started;
            start.checked_add(Duration::from_nanos(nanos)).unwrap()
        };
        let tick = Duration::from_nanos(10);
        for (at, expected) in [(0, 0), (9, 0), (10, 10), (19, 10), (1_000_003, 1_000_000)] {
            assert_eq!(timers.align(after(at), tick), after(expected));
        }
        assert_eq!(timers.align(after(7), Duration::ZERO), after(7));
    }
}
