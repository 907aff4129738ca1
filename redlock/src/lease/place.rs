//! The place of a held lease in the local queue.

use std::sync::Arc;
use std::time::Duration;

use crate::lease::ActiveLease;
use crate::lease::state::Phase;
use crate::quorum;
use crate::waiting::head::{HeadStatus, Holder};
use crate::waiting::queue::Ticket;

impl ActiveLease {
    /// Keeps the head of the local queue until the lease ends. The next request in the queue then
    /// contacts the nodes behind the release of this lease.
    pub(crate) fn keep_ticket(self: &Arc<Self>, ticket: Ticket) {
        let holder = Arc::downgrade(self);
        ticket.publish(&HeadStatus::Held(holder), None);
        let mut state = self.lock();
        if state.phase == Phase::Held {
            state.place = ticket.into_place();
        } else {
            drop(state);
            drop(ticket);
        }
    }
}

impl Drop for ActiveLease {
    fn drop(&mut self) {
        // A lease that is held has a guard, which ends it. Nothing else may block its queue for ever.
        if let Some(place) = self.state.lock().place.take() {
            self.engine.local_queue().leave(&self.keys, place);
        }
    }
}

impl Holder for ActiveLease {
    fn hold(&self) -> (u16, Duration) {
        let held = self.lock().holds.held();
        (quorum::nodes(held), self.time_left())
    }

    fn end_if_over(&self) -> bool {
        !self.is_held()
    }
}
