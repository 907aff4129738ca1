//! Alarms: futures that complete at a moment.
//!
//! An alarm is an entry of the engine's timer. Ten thousand requests that wait for the end of their
//! time wake no task before it, and still notice a suspend of the machine.

use std::sync::{Arc, Weak};

use crate::engine::timer::{Timed, TimerKey, Timers};
use crate::sync::Condition;
use crate::time::clock::Moment;

/// A future that completes at a moment, or when the engine ends.
#[derive(Debug)]
pub(crate) struct Alarm {
    timers: Arc<Timers>,
    bell: Arc<Bell>,
    entry: Option<TimerKey>,
}

/// Whether the alarm has gone off.
#[derive(Debug)]
struct Bell(Condition<bool>);

impl Alarm {
    pub(crate) fn new(timers: &Arc<Timers>, at: Moment) -> Self {
        let bell = Arc::new(Bell(Condition::new(false)));
        let timed: Weak<Bell> = Arc::downgrade(&bell);
        let entry = timers.insert(at, timed);
        if entry.is_none() {
            bell.ring();
        }
        Self {
            timers: Arc::clone(timers),
            bell,
            entry,
        }
    }

    /// Waits for the moment.
    ///
    /// Cancel safe.
    pub(crate) async fn gone_off(&self) {
        self.bell.0.until(|has_rung| *has_rung).await;
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            self.timers.remove(entry);
        }
    }
}

impl Bell {
    fn ring(&self) {
        let mut has_rung = self.0.lock();
        *has_rung = true;
        has_rung.notify();
    }
}

impl Timed for Bell {
    fn on_timer(self: Arc<Self>) {
        self.ring();
    }

    fn on_close(self: Arc<Self>) {
        self.ring();
    }
}
