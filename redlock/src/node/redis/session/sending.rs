//! The sending of pending requests, in batches.

use std::time::Duration;

use tokio::time::Instant;

use crate::node::redis::session::outbox::Outbox;
use crate::node::redis::wire::Wire;

/// The state of a connection after an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Done,
    /// All requests were sent, the first one over a connection that had been idle for a long time.
    AfterIdleTime,
    /// The connection had ended while it was idle. The requests are pending again.
    ConnectionEnded,
}

impl Outbox {
    /// Sends the pending requests in batches. Never blocks.
    pub(crate) fn send(&mut self, wire: &mut Wire) -> Sent {
        if self.pending.is_empty() && !self.lists.is_probe_due() {
            return Sent::Done;
        }
        let mut outcome = self.send_waiting_probe(wire);
        let mut dialect = self.dialect;
        dialect.waiting.can_join &= self.shared.hints();
        while outcome != Sent::ConnectionEnded
            && !self.pending.is_empty()
            && self.in_flight.has_room()
        {
            let invalidations = self
                .shared
                .notifies()
                .then_some(self.server.invalidations());
            let (pending, ttls) = (&mut self.pending, &mut self.counter_ttls);
            let mut batch = self.in_flight.empty_batch();
            batch.fill(pending, ttls, dialect, invalidations, wire.calls());
            if batch.is_empty() {
                self.in_flight.recycle(batch);
                continue;
            }
            let (sent_at, is_idle) = (Instant::now(), self.in_flight.is_empty());
            if wire.send().is_err() {
                self.requeue(*batch);
                return Sent::ConnectionEnded;
            }
            self.in_flight.push(batch, sent_at);
            if is_idle {
                if sent_at.saturating_duration_since(self.responded_at) >= LONG_IDLE_TIME {
                    outcome = Sent::AfterIdleTime;
                }
                self.responded_at = sent_at;
            }
        }
        outcome
    }

    /// Sends the commands that find out how waiters are hinted, if they are due.
    fn send_waiting_probe(&mut self, wire: &mut Wire) -> Sent {
        if !self.lists.is_probe_due() || !self.in_flight.has_room() {
            return Sent::Done;
        }
        let Some(batch) = self.lists.probe(&self.dialect.waiting, wire.calls()) else {
            return Sent::Done;
        };
        if wire.send().is_err() {
            return Sent::ConnectionEnded;
        }
        self.in_flight.push(batch.into(), Instant::now());
        Sent::Done
    }
}

/// The idle time after which a connection may be dead without either end knowing.
const LONG_IDLE_TIME: Duration = Duration::from_secs(5);
