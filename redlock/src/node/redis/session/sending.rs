//! The sending of pending requests, in batches.

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use tokio::time::Instant;

use crate::node::redis::connect::io::ConnectionIo;
use crate::node::redis::protocol::batch::Batch;
use crate::node::redis::session::outbox::Outbox;

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
    pub(crate) fn send(&mut self, connection: &MultiplexedConnection, io: &ConnectionIo) -> Sent {
        let mut outcome = self.send_waiting_probe(connection, io);
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
            let (pending, counter_ttls) = (&mut self.pending, &mut self.counter_ttls);
            let (batch, pipeline, count) =
                Batch::take_from(pending, counter_ttls, dialect, invalidations);
            if batch.is_empty() {
                continue;
            }
            let (sent_at, is_idle) = (Instant::now(), self.in_flight.is_empty());
            let connection = connection.clone();
            let sent = self.in_flight.send(connection, io, batch, pipeline, count);
            if let Err(batch) = sent {
                self.requeue(batch);
                return Sent::ConnectionEnded;
            }
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
    fn send_waiting_probe(
        &mut self,
        connection: &MultiplexedConnection,
        io: &ConnectionIo,
    ) -> Sent {
        let has_room = self.in_flight.has_room();
        let probe = || self.lists.probe(&self.dialect.waiting);
        let Some((batch, pipeline, count)) = has_room.then(probe).flatten() else {
            return Sent::Done;
        };
        let connection = connection.clone();
        match self.in_flight.send(connection, io, batch, pipeline, count) {
            Ok(()) => Sent::Done,
            Err(_) => Sent::ConnectionEnded,
        }
    }
}

/// The idle time after which a connection may be dead without either end knowing.
const LONG_IDLE_TIME: Duration = Duration::from_secs(5);
