//! One timer for everything that is due in an engine.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, MutexGuard, Weak};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::sync::Mutex;
use crate::time::clock;
use crate::time::clock::Moment;

/// Something that is due at a moment.
pub(crate) trait Timed: fmt::Debug + Send + Sync {
    /// Called when the moment has come. May set the next.
    fn on_timer(self: Arc<Self>);

    /// Called when the engine ends: nothing will be due any more.
    fn on_shutdown(self: Arc<Self>);
}

/// What is due when. A task on the engine's runtime calls it.
#[derive(Debug)]
pub(crate) struct Timers {
    queue: Mutex<TimerQueue>,
    /// Notified when something comes before what the task waits for.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct TimerQueue {
    /// Ordered by time; the number keeps entries apart that are due at once.
    due: BTreeMap<TimerKey, Weak<dyn Timed>>,
    count: u64,
    /// What the task waits for.
    awaited: Option<Moment>,
    is_closed: bool,
}

/// A place in the queue.
pub(crate) type TimerKey = (Moment, u64);

impl Timers {
    pub(crate) fn start(runtime: &Handle) -> Arc<Self> {
        let timers = Arc::new(Self {
            queue: Mutex::default(),
            earlier: Notify::new(),
        });
        let _detached = runtime.spawn(TimerTask(Arc::clone(&timers)).run());
        timers
    }

    /// Whether the task is alive.
    pub(crate) fn is_alive(&self) -> bool {
        !self.lock().is_closed
    }

    /// Ends the task, which shuts down everything that was due.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.earlier.notify_one();
    }

    /// Calls everything that is due at any time for the last time.
    pub(crate) fn shut_down_all(&self) {
        let all: Vec<_> = self.lock().due.values().filter_map(Weak::upgrade).collect();
        for timed in all {
            timed.on_shutdown();
        }
    }

    /// Has `timed` called at a moment. `None` if the task has ended.
    pub(crate) fn insert(&self, at: Moment, timed: Weak<dyn Timed>) -> Option<TimerKey> {
        let (key, is_earlier) = {
            let mut queue = self.lock();
            if queue.is_closed {
                return None;
            }
            queue.count += 1;
            let key = (at, queue.count);
            queue.due.insert(key, timed);
            (key, queue.awaited.is_none_or(|awaited| at < awaited))
        };
        if is_earlier {
            self.earlier.notify_one();
        }
        Some(key)
    }

    pub(crate) fn remove(&self, key: TimerKey) {
        self.lock().due.remove(&key);
    }

    /// Takes out what is due, and notes what is awaited next.
    fn take_due(&self) -> Vec<Arc<dyn Timed>> {
        let mut queue = self.lock();
        let now = Moment::now();
        let mut due = Vec::new();
        while let Some(entry) = queue.due.first_entry() {
            if entry.key().0 > now {
                break;
            }
            due.extend(entry.remove().upgrade());
        }
        queue.awaited = queue.due.first_key_value().map(|((at, _), _)| *at);
        due
    }

    fn lock(&self) -> MutexGuard<'_, TimerQueue> {
        self.queue.lock()
    }
}

/// The task behind [`Timers`].
struct TimerTask(Arc<Timers>);

impl TimerTask {
    async fn run(self) {
        while self.0.is_alive() {
            for timed in self.0.take_due() {
                timed.on_timer();
            }
            let awaited = self.0.lock().awaited;
            match awaited {
                // Sleeps in ticks, so that a suspend of the machine is noticed within one.
                Some(moment) => tokio::select! {
                    () = clock::sleep_until(moment) => {}
                    () = self.0.earlier.notified() => {}
                },
                None => self.0.earlier.notified().await,
            }
        }
    }
}

impl Drop for TimerTask {
    /// The runtime has ended, or the engine has: nothing is called any more, and everything that
    /// was due must know.
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.shut_down_all();
    }
}
