//! Checks of the heads of the local queue, while requests of the engine wait behind them.

use std::sync::{Arc, Weak};

use crate::engine::timer::{Timed, Timers};
use crate::sync::Mutex;
use crate::time::clock::{Moment, TICK};
use crate::waiting::queue::LocalQueue;

/// The checks that one engine makes. Each engine makes them, because the runtime of another may not be
/// driven.
#[derive(Debug)]
pub(crate) struct HeadChecks {
    queue: Arc<LocalQueue>,
    timers: Arc<Timers>,
    state: Mutex<State>,
    itself: Weak<Self>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of requests that wait.
    waiting: usize,
    /// Whether the timer has an entry.
    is_scheduled: bool,
}

/// A request that waits, for as long as this lives.
#[derive(Debug)]
pub(crate) struct WaitingRequest<'a>(&'a HeadChecks);

impl HeadChecks {
    pub(crate) fn new(queue: &Arc<LocalQueue>, timers: &Arc<Timers>) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            queue: Arc::clone(queue),
            timers: Arc::clone(timers),
            state: Mutex::default(),
            itself: Weak::clone(itself),
        })
    }

    /// Checks the heads about once a [`TICK`] until the result is dropped.
    pub(crate) fn wait(&self) -> WaitingRequest<'_> {
        let mut state = self.state.lock();
        state.waiting += 1;
        self.schedule(&mut state);
        WaitingRequest(self)
    }

    /// Sets the timer if it is needed and not set.
    fn schedule(&self, state: &mut State) {
        if state.waiting > 0 && !state.is_scheduled {
            let timed = Weak::clone(&self.itself);
            let next = Moment::now().checked_add(TICK);
            let entry = next.and_then(|next| self.timers.insert(next, timed));
            state.is_scheduled = entry.is_some();
        }
    }
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        self.0.state.lock().waiting -= 1;
    }
}

impl Timed for HeadChecks {
    fn on_timer(self: Arc<Self>) {
        {
            let mut state = self.state.lock();
            state.is_scheduled = false;
            self.schedule(&mut state);
            if state.waiting == 0 {
                return;
            }
        }
        self.queue.check_heads();
    }
}
