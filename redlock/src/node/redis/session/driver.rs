//! The task of a session, which sends commands in batches and reconnects in the background.
//!
//! Batches are pipelined: a batch never waits for the responses to the previous one.

use std::collections::VecDeque;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::Value;
use tokio::time::Instant;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::ready_connection::{FailedHandshake, ReadyConnection};
use crate::node::redis::protocol::batch::MAX_DRAINED;
use crate::node::redis::protocol::request::Request;
use crate::node::redis::session::event::{Event, Sources};
use crate::node::redis::session::outbox::Outbox;
use crate::node::redis::session::parting::Parting;
use crate::node::redis::session::reconnect::{Connection, State};
use crate::node::redis::session::sending::Sent;
use crate::node::redis::session::server::Server;
use crate::node::redis::session::shared::Shared;
use crate::node::{NodeHealth, SessionEvents, SessionOptions};
use crate::sync::Mutex;

/// The state of the task of one session.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    /// Requests just taken from the queue. Empty between uses, but keeps its allocation.
    inbox: VecDeque<Request>,
    /// Whether the session was dropped, and all its requests were taken.
    queue_has_ended: bool,
    outbox: Outbox,
    connection: Connection,
    silence_limit: Duration,
    events: Option<SessionEvents>,
    /// Receives the connection when the runtime ends.
    parting: Arc<Mutex<Option<Parting>>>,
}

impl Driver {
    pub(crate) fn new(
        server: Arc<Server>,
        shared: Arc<Shared>,
        options: &SessionOptions,
        parting: &Arc<Mutex<Option<Parting>>>,
    ) -> Self {
        Self {
            parting: Arc::clone(parting),
            connection: Connection::open(Arc::clone(&server)),
            outbox: Outbox::new(server, Arc::clone(&shared)),
            shared,
            inbox: VecDeque::new(),
            queue_has_ended: false,
            silence_limit: options.silence_limit,
            events: options.events.clone(),
        }
    }

    /// Runs until the session is dropped and all releases are done.
    pub(crate) async fn run(mut self) {
        // The timer is reset only when it fires, not at each response.
        let mut silence_timer = pin!(tokio::time::sleep_until(self.silence_ends()));
        loop {
            let event = self.sources().next(silence_timer.as_mut()).await;
            match event {
                // The session was dropped and the queue is empty.
                Event::Requests(0) if self.outbox.try_finish() => return,
                Event::Requests(0) => self.queue_has_ended = true,
                Event::Requests(_) => {
                    self.take_requests();
                    self.coalesce().await;
                }
                Event::Responses(responses) => self.on_responses(responses),
                Event::Connected(outcome) => match *outcome {
                    Ok(ready) => self.on_connected(ready),
                    Err(failed) => self.on_connect_error(failed),
                },
                Event::Second(outcome) => self.on_second_connection(*outcome),
                Event::Silence if self.silence_ends() > Instant::now() => {
                    silence_timer.as_mut().reset(self.silence_ends());
                }
                Event::Silence => {
                    let text = format!("no response for {:?}", self.silence_limit);
                    self.on_disconnected(NodeError::new(NodeErrorKind::Unresponsive, text));
                }
                Event::RepeatDue => self.outbox.push_repeat(),
            }
            self.outbox.push_barriers();
            self.send();
        }
    }

    fn sources(&mut self) -> Sources<'_> {
        Sources {
            is_draining: self.queue_has_ended && !self.outbox.try_finish(),
            repeat_at: self.outbox.next_repeat(),
            queue: self.shared.queue(),
            inbox: &mut self.inbox,
            connection: &mut self.connection,
            in_flight: self.outbox.in_flight(),
        }
    }

    /// Yields, so that other tasks can add commands to this batch. If some do, yields once more: those on
    /// other threads are slower, and together they then need fewer batches.
    ///
    /// It halves the system calls on both sides. Tokio runs the task of the sessions right behind the one
    /// that woke it, ahead of all others that are ready. A single caller does not wait: after several
    /// batches of one command, its command is sent at once. Nor does a batch wait twice in a runtime whose
    /// tasks take long.
    async fn coalesce(&mut self) {
        if self.outbox.in_flight().are_batches_lone() {
            return;
        }
        let began = Instant::now();
        for _ in 0..MAX_YIELDS {
            tokio::task::yield_now().await;
            self.shared.queue().take_more(&mut self.inbox, MAX_DRAINED);
            let is_alone = self.inbox.is_empty();
            self.take_requests();
            if is_alone || began.elapsed() > MAX_YIELDING {
                return;
            }
        }
    }

    /// Moves requests from the inbox to the pending ones, or fails them without a connection.
    fn take_requests(&mut self) {
        match self.connection.cause() {
            Some(cause) => {
                for request in self.inbox.drain(..) {
                    self.outbox.refuse(request.command, cause);
                }
            }
            None => self.outbox.accept(&mut self.inbox),
        }
        if self.inbox.capacity() > 4 * MAX_DRAINED {
            // After a burst.
            self.inbox.shrink_to(MAX_DRAINED);
        }
    }

    /// Sends the pending requests. If the connection had ended while it was idle, reconnects at
    /// once, and they wait.
    fn send(&mut self) {
        let State::Up(wire) = &mut self.connection.state else {
            return;
        };
        match self.outbox.send(wire) {
            Sent::Done => {}
            Sent::AfterIdleTime => {
                let round_trips = self.shared.round_trip().map_or(MAX_PATIENCE, |it| it * 4);
                let patience = round_trips.clamp(MIN_PATIENCE, MAX_PATIENCE);
                self.connection.hedge(patience);
            }
            Sent::ConnectionEnded => self.connection.reconnect_now(),
        }
    }

    /// Moves to the second connection, because the first one is still silent. Without a second one,
    /// the silence timer decides.
    fn on_second_connection(&mut self, outcome: Result<ReadyConnection, FailedHandshake>) {
        self.connection.second = None;
        if let Ok(second) = outcome {
            let node = self.shared.name();
            tracing::debug!(%node, "connection is silent after an idle time; moving to another");
            self.shared.stop_pushes();
            self.connection.move_to(second);
        }
    }

    fn on_connected(&mut self, ready: ReadyConnection) {
        let node = self.shared.name();
        for warning in &ready.facts.warnings {
            tracing::warn!(%node, %warning, "the configuration of the node may weaken locks");
        }
        self.shared.set_connected(&ready);
        self.outbox.on_connected(&ready);
        self.connection.set_up(ready.wire, ready.client);
        if let Some(events) = self.events.clone() {
            // Taken first, so that only what was submitted before the report is returned. All of it, because
            // what stays in the queue would be sent over this connection.
            self.shared.queue().take_more(&mut self.inbox, usize::MAX);
            self.take_requests();
            events.connected();
            self.outbox.return_outdated();
        }
    }

    fn on_connect_error(&mut self, FailedHandshake { cause, facts }: FailedHandshake) {
        if let Some(facts) = facts {
            self.shared.set_facts(&facts);
        }
        self.set_down(&cause);
        self.outbox.fail_all(&cause);
        if self.connection.retry_after_failure(cause.clone()) {
            let node = self.shared.name();
            tracing::warn!(%node, %cause, "node is down; reconnecting in the background");
        }
    }

    /// Fails all requests and reconnects. Whether those in flight were carried out is unknown.
    fn on_disconnected(&mut self, cause: NodeError) {
        let node = self.shared.name();
        tracing::debug!(%node, %cause, "connection to the node ended; reconnecting");
        self.set_down(&cause);
        let unsent = self.outbox.fail_all(&cause);
        self.connection.reconnect_after_loss(unsent);
    }

    fn on_responses(&mut self, responses: Result<Vec<Value>, NodeError>) {
        let mut values = match responses {
            Ok(values) => values,
            Err(cause) => return self.on_disconnected(cause),
        };
        self.connection.on_response();
        let Some(cause) = self.outbox.settle(&mut values) else {
            self.connection.on_usable(values);
            return;
        };
        self.set_down(&cause);
        let unsent = self.outbox.fail_all(&cause);
        if self.connection.reconnect_after_displacement(unsent) {
            let node = self.shared.name();
            tracing::warn!(%node, %cause, "node cannot serve locks over this connection; reconnecting");
        }
    }

    fn set_down(&self, cause: &NodeError) {
        let cause = NodeError::unsent(cause.kind(), cause.message());
        self.shared.stop_pushes();
        self.shared.set_health(NodeHealth::Down(cause));
    }

    fn silence_ends(&self) -> Instant {
        self.outbox.silence_ends(self.silence_limit)
    }
}

impl Drop for Driver {
    /// Leaves the releases that are left to others: the session was dropped, or its runtime has ended.
    fn drop(&mut self) {
        if self.shared.is_copy() {
            return;
        }
        // Held until the queue is closed and written, so that no release falls in between.
        let parting = Arc::clone(&self.parting);
        let mut parting = parting.lock();
        let (has_session, queued) = self.shared.queue().close();
        for mut requests in [mem::take(&mut self.inbox), queued] {
            self.outbox.accept(&mut requests);
        }
        let server = Arc::clone(self.outbox.server());
        let remains = self.outbox.take_remains();
        let outbox = Outbox::new(Arc::clone(&server), Arc::clone(&self.shared));
        let outbox = mem::replace(&mut self.outbox, outbox);
        *parting = Parting::new(outbox, self.connection.take());
        if let Some(parting) = &mut *parting {
            if has_session {
                parting.unsubscribe();
            }
            parting.write(remains.releases.iter());
        }
        drop(parting);
        server.leave_unsettled(remains.unsettled);
        for release in remains.releases {
            server.leave_behind(release);
        }
        for (command, error) in remains.others {
            command.fail(error);
        }
    }
}

/// The number of times that a batch waits for the other tasks of the runtime.
const MAX_YIELDS: u32 = 2;

/// The time from which on a batch does not wait for them again.
const MAX_YIELDING: Duration = Duration::from_micros(500);

/// The limits to four round trips, for which a connection that was idle may be silent. A busy machine
/// is late by the smaller one. The larger one leaves time for another connection, within the default
/// node timeout.
const MIN_PATIENCE: Duration = Duration::from_millis(50);
const MAX_PATIENCE: Duration = Duration::from_millis(400);
