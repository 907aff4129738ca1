//! The task of a session, which sends commands in batches and reconnects in the background.
//!
//! Batches are pipelined: a batch never waits for the responses to the previous one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{RedisResult, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::handshake::ReadyConnection;
use crate::node::redis::protocol::batch::{Batch, MAX_DRAINED};
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Request, Settled};
use crate::node::redis::session::event::{Event, Sources};
use crate::node::redis::session::in_flight::InFlight;
use crate::node::redis::session::pending_releases::PendingReleases;
use crate::node::redis::session::reconnect::{Connection, State};
use crate::node::redis::session::server::Server;
use crate::node::redis::session::shared::Shared;
use crate::node::{Command, Identity, NodeHealth, SessionEvents, SessionOptions};

/// The state of the task of one session.
pub(crate) struct Driver {
    server: Arc<Server>,
    shared: Arc<Shared>,
    queue: mpsc::UnboundedReceiver<Command>,
    /// Commands just taken from the queue. Empty between uses, but keeps its allocation.
    inbox: Vec<Command>,
    /// Requests to send before anything from the queue.
    pending: VecDeque<Request>,
    connection: Connection,
    in_flight: InFlight,
    pending_releases: PendingReleases,
    counter_ttls: CounterTtls,
    /// The server's native command for releases, until the server refuses it.
    delete: Option<CompareDelete>,
    identity: Identity,
    silence_limit: Duration,
    events: Option<SessionEvents>,
    /// When the server last responded, or when the first batch in flight was sent, if that is
    /// later.
    responded_at: Instant,
}

impl Driver {
    pub(crate) fn new(
        server: Arc<Server>,
        shared: Arc<Shared>,
        queue: mpsc::UnboundedReceiver<Command>,
        options: SessionOptions,
    ) -> Self {
        Self {
            connection: Connection::open(Arc::clone(&server)),
            server,
            shared,
            queue,
            inbox: Vec::new(),
            pending: VecDeque::new(),
            in_flight: InFlight::default(),
            pending_releases: PendingReleases::default(),
            counter_ttls: CounterTtls::default(),
            delete: None,
            identity: Identity::default(),
            silence_limit: options.silence_limit,
            events: options.events,
            responded_at: Instant::now(),
        }
    }

    /// Runs until the session is dropped and all releases are done.
    pub(crate) async fn run(mut self) {
        // The timer is reset only when it fires, not at each response.
        let mut silence_timer = std::pin::pin!(tokio::time::sleep_until(self.silence_ends()));
        loop {
            let event = self.sources().next(silence_timer.as_mut()).await;
            match event {
                // The session was dropped and the queue is empty.
                Event::Commands(0) if self.try_finish() => return,
                Event::Commands(count) => {
                    self.take_commands(count);
                    self.coalesce().await;
                }
                Event::Responses(responses) => self.on_responses(responses),
                Event::Connected(outcome) => match *outcome {
                    Ok(ready) => self.on_connected(ready),
                    Err(cause) => self.on_connect_error(cause),
                },
                Event::Silence if self.silence_ends() > Instant::now() => {
                    silence_timer.as_mut().reset(self.silence_ends());
                }
                Event::Silence => {
                    let text = format!("no response for {:?}", self.silence_limit);
                    self.on_disconnected(NodeError::new(NodeErrorKind::Unresponsive, text));
                }
                Event::RepeatDue => self.pending.extend(self.pending_releases.pop_repeat()),
            }
            self.send();
        }
    }

    fn sources(&mut self) -> Sources<'_> {
        Sources {
            is_done: self.try_finish(),
            repeat_at: self.pending_releases.next_repeat(),
            queue: &mut self.queue,
            inbox: &mut self.inbox,
            connection: &mut self.connection,
            in_flight: &mut self.in_flight,
        }
    }

    /// Yields once while batches are in flight, so that other tasks can add commands to this batch.
    ///
    /// It halves the system calls on both sides. A single caller does not wait: without batches in
    /// flight, or after several batches of one command, its command is sent at once.
    async fn coalesce(&mut self) {
        if self.in_flight.is_empty() || self.in_flight.are_batches_lone() {
            return;
        }
        tokio::task::yield_now().await;
        while self.inbox.len() < MAX_DRAINED
            && let Ok(command) = self.queue.try_recv()
        {
            self.inbox.push(command);
        }
        self.take_commands(self.inbox.len());
    }

    /// Moves commands from the inbox to the pending requests, or fails them without a connection.
    fn take_commands(&mut self, count: usize) {
        self.shared.record_dequeued(count);
        let mut inbox = std::mem::take(&mut self.inbox);
        let cause = self.connection.cause().cloned();
        for command in inbox.drain(..) {
            match &cause {
                Some(cause) => self.refuse(command, cause),
                None => self.pending.push_back(Request::new(command)),
            }
        }
        self.inbox = inbox;
    }

    /// Sends the pending requests in batches. Never blocks.
    fn send(&mut self) {
        while let State::Up(connection, io) = &self.connection.state {
            if self.pending.is_empty() || !self.in_flight.has_room() {
                return;
            }
            let invalidations = self
                .shared
                .notifies()
                .then_some(self.server.invalidations());
            let (pending, counter_ttls) = (&mut self.pending, &mut self.counter_ttls);
            let (batch, pipeline, count) =
                Batch::take_from(pending, counter_ttls, self.delete, invalidations);
            if batch.is_empty() {
                continue;
            }
            let (sent_at, is_idle) = (Instant::now(), self.in_flight.is_empty());
            let connection = connection.clone();
            let sent = self.in_flight.send(connection, io, batch, pipeline, count);
            if let Err(batch) = sent {
                return self.requeue(batch);
            }
            if is_idle {
                self.responded_at = sent_at;
            }
        }
    }

    /// Requeues a batch whose connection had ended while it was idle, and reconnects at once.
    ///
    /// The requests fail only if no new connection can be made.
    fn requeue(&mut self, batch: Batch) {
        for request in batch.into_requests().rev() {
            // Most likely nothing was sent. If an acquire was carried out, it must be undone first,
            // or it would find its own key.
            let release = request.compensating_release();
            self.pending.push_front(request);
            if let Some(release) = release {
                self.pending.push_front(release);
            }
        }
        self.shared.set_notifies(false);
        self.connection.reconnect_now();
    }

    fn on_connected(&mut self, ready: ReadyConnection) {
        let node = self.shared.name();
        for warning in &ready.warnings {
            tracing::warn!(%node, %warning, "the configuration of the node may weaken locks");
        }
        self.shared.set_connected(&ready);
        // Invalidations for the previous connection are lost.
        self.server.invalidations().notify_all();
        self.identity = ready.identity;
        self.counter_ttls.clear();
        self.delete = ready.delete;
        // Releases that an earlier connection could not deliver precede all new commands.
        let mut first = self
            .pending_releases
            .take_due_on_connect(ready.previous_is_settled);
        first.append(&mut self.pending);
        self.pending = first;
        self.connection
            .set_up(ready.connection, ready.io, ready.client);
        if let Some(events) = &self.events {
            events.connected();
        }
    }

    fn on_connect_error(&mut self, cause: NodeError) {
        self.fail_pending(&cause);
        if self.connection.retry_after_failure(cause.clone()) {
            let node = self.shared.name();
            tracing::warn!(%node, %cause, "node is down; reconnecting in the background");
        }
    }

    /// Fails all requests and reconnects. Whether those in flight were carried out is unknown.
    fn on_disconnected(&mut self, cause: NodeError) {
        let node = self.shared.name();
        tracing::debug!(%node, %cause, "connection to the node ended; reconnecting");
        let unsent = self.fail_all(&cause);
        self.connection.reconnect_after_loss(unsent);
    }

    /// Fails all requests. Returns the error of those that were not sent.
    fn fail_all(&mut self, cause: &NodeError) -> NodeError {
        for request in self.in_flight.take().flat_map(Batch::into_requests) {
            if let Some(lease) = request.command.may_set() {
                self.pending_releases.add_unknown(lease);
            }
            self.refuse(request.command, cause);
        }
        let unsent = NodeError::unsent(cause.kind(), cause.message());
        self.fail_pending(&unsent);
        unsent
    }

    /// Fails the pending requests. Releases among them are kept.
    fn fail_pending(&mut self, cause: &NodeError) {
        self.shared.set_notifies(false);
        self.shared.set_health(NodeHealth::Down(cause.clone()));
        for request in std::mem::take(&mut self.pending) {
            self.refuse(request.command, cause);
        }
    }

    /// Fails a command for which there is no connection. Its watch is notified at the next one.
    fn refuse(&mut self, command: Command, cause: &NodeError) {
        if let Some(acquire) = command.as_acquire()
            && let Some(watch) = &acquire.watch
        {
            let keys = acquire.keys.as_slice();
            self.server.invalidations().register(keys, watch);
        }
        self.pending_releases.refuse(command, cause);
    }

    fn on_responses(&mut self, responses: RedisResult<Vec<Value>>) {
        let values = match responses {
            Ok(values) => values,
            Err(error) => return self.on_disconnected(error::of_command(&error)),
        };
        let Some((batch, sent_at)) = self.in_flight.pop() else {
            return;
        };
        self.responded_at = Instant::now();
        self.shared
            .observe_round_trip(self.responded_at.saturating_duration_since(sent_at));
        let (pending, delete) = (&mut self.pending, &mut self.delete);
        let pending_releases = &mut self.pending_releases;
        let (server, shared, mut displaced) = (&self.server, &self.shared, Vec::new());
        batch.settle(values, &self.identity, |settled| match settled {
            Settled::Done => {}
            Settled::Resend(request) => pending.push_back(request),
            Settled::Unsupported(request) => {
                *delete = None;
                pending.push_back(request);
            }
            Settled::Untracked => shared.set_notifies(false),
            Settled::NotTogether => server.invalidations().set_clustered(),
            Settled::Displaced(command, cause) => displaced.push((command, cause)),
            Settled::Released(release) => pending_releases.on_released(release),
        });
        let cause = displaced.first().map(|(_, cause)| cause.clone());
        for (command, cause) in displaced {
            self.refuse(command, &cause);
        }
        let Some(cause) = cause else {
            self.connection.on_usable();
            return;
        };
        let unsent = self.fail_all(&cause);
        if self.connection.reconnect_after_displacement(unsent) {
            let node = self.shared.name();
            tracing::warn!(%node, %cause, "node is not a usable master; reconnecting");
        }
    }

    fn silence_ends(&self) -> Instant {
        self.responded_at + self.silence_limit
    }

    /// Returns whether the session was dropped and no work is left. Discards expired releases.
    fn try_finish(&mut self) -> bool {
        let is_idle = self.queue.is_closed()
            && self.queue.is_empty()
            && self.pending.is_empty()
            && self.in_flight.is_empty();
        if is_idle {
            self.pending_releases.discard_expired();
        }
        is_idle && self.pending_releases.is_empty()
    }
}

impl Drop for Driver {
    /// Passes remaining releases to a session on another runtime, if this runtime ends first.
    fn drop(&mut self) {
        self.queue.close();
        while let Ok(command) = self.queue.try_recv() {
            self.pending.push_back(Request::new(command));
        }
        let in_flight = self.in_flight.take();
        let releases = in_flight
            .flat_map(Batch::into_requests)
            .chain(std::mem::take(&mut self.pending))
            .chain(self.pending_releases.take())
            .filter(|request| request.command.as_release().is_some());
        for request in releases {
            if let Some(command) = self.server.reroute(request.command) {
                let error = NodeError::new(
                    NodeErrorKind::Closed,
                    "the runtime of the session has ended",
                );
                command.fail(error);
            }
        }
    }
}
