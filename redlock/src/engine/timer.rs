//! One timer for all leases of an engine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::error::LossReason;
use crate::lease::ActiveLease;
use crate::time::clock;
use crate::time::clock::Moment;

/// Which lease is to be looked at when. A task on the engine's runtime does.
#[derive(Debug)]
pub(crate) struct Renewals {
    agenda: Mutex<Agenda>,
    /// Told when something comes before what the task waits for.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Agenda {
    /// Ordered by time; the number keeps leases that are due at once apart.
    due: BTreeMap<TimerKey, Weak<ActiveLease>>,
    count: u64,
    /// What the task waits for.
    awaited: Option<Moment>,
    is_closed: bool,
}

/// A place in the agenda.
pub(crate) type TimerKey = (Moment, u64);

impl Renewals {
    pub(crate) fn start(runtime: &Handle) -> Arc<Self> {
        let renewals = Arc::new(Self {
            agenda: Mutex::default(),
            earlier: Notify::new(),
        });
        let _detached = runtime.spawn(Keeper(Arc::clone(&renewals)).run());
        renewals
    }

    /// Whether the task that looks after the leases is alive.
    pub(crate) fn is_alive(&self) -> bool {
        !self.lock().is_closed
    }

    /// Ends the task. The leases it looked after are lost.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.earlier.notify_one();
    }

    /// Ends all leases as lost, and releases them.
    pub(crate) fn lose_all(&self) {
        let leases: Vec<_> = self.lock().due.values().filter_map(Weak::upgrade).collect();
        for lease in leases {
            lease.lose(LossReason::Shutdown);
        }
    }

    /// Notes that `lease` is to be looked at. `None` if there is nobody to look.
    pub(crate) fn insert(&self, at: Moment, lease: &Arc<ActiveLease>) -> Option<TimerKey> {
        let (key, is_earlier) = {
            let mut agenda = self.lock();
            if agenda.is_closed {
                return None;
            }
            agenda.count += 1;
            let key = (at, agenda.count);
            agenda.due.insert(key, Arc::downgrade(lease));
            (key, agenda.awaited.is_none_or(|awaited| at < awaited))
        };
        if is_earlier {
            self.earlier.notify_one();
        }
        Some(key)
    }

    pub(crate) fn remove(&self, key: TimerKey) {
        self.lock().due.remove(&key);
    }

    /// Takes out the leases that are due, and notes what is awaited next.
    fn take_due(&self) -> Vec<Arc<ActiveLease>> {
        let mut agenda = self.lock();
        let now = Moment::now();
        let mut due = Vec::new();
        while let Some(entry) = agenda.due.first_entry() {
            if entry.key().0 > now {
                break;
            }
            due.extend(entry.remove().upgrade());
        }
        agenda.awaited = agenda.due.first_key_value().map(|((at, _), _)| *at);
        due
    }

    fn lock(&self) -> MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task behind [`Renewals`].
struct Keeper(Arc<Renewals>);

impl Keeper {
    async fn run(self) {
        while self.0.is_alive() {
            for lease in self.0.take_due() {
                lease.pulse();
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

impl Drop for Keeper {
    /// The runtime has ended, or the engine has: nobody extends these leases any more, and whoever
    /// holds one must know.
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.lose_all();
    }
}
