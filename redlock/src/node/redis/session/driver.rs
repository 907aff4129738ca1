//! The task that talks to a server: it sends what waits as one batch, never waits for an answer
//! before it sends the next, and reconnects in the background.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{RedisResult, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::handshake::ReadyConnection;
use crate::node::redis::protocol::batch::{Batch, MAX_BATCH};
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Request, Settled};
use crate::node::redis::session::event::{Event, Sources};
use crate::node::redis::session::in_flight::{InFlight, Response, SentBatch};
use crate::node::redis::session::pending_releases::PendingReleases;
use crate::node::redis::session::reconnect::{Connection, State};
use crate::node::redis::session::server::Server;
use crate::node::redis::session::shared::Shared;
use crate::node::{Command, Identity, NodeHealth};

/// Everything one session does.
pub(crate) struct Driver {
    server: Arc<Server>,
    shared: Arc<Shared>,
    queue: mpsc::UnboundedReceiver<Command>,
    /// Where the queue is emptied to; kept for its memory.
    inbox: Vec<Command>,
    /// What has to be sent before anything from the queue.
    pending: VecDeque<Request>,
    connection: Connection,
    in_flight: InFlight,
    /// How many batches of one command have left in a row.
    lone_batches: u32,
    pending_releases: PendingReleases,
    counters: CounterTtls,
    /// The server's own way to delete a key that is ours, for as long as it lets us.
    delete: Option<CompareDelete>,
    identity: Identity,
    silence_limit: Duration,
    responded_at: Instant,
}

impl Driver {
    pub(crate) fn new(
        server: Arc<Server>,
        shared: Arc<Shared>,
        queue: mpsc::UnboundedReceiver<Command>,
        silence_limit: Duration,
    ) -> Self {
        Self {
            connection: Connection::open(Arc::clone(&server)),
            server,
            shared,
            queue,
            inbox: Vec::new(),
            pending: VecDeque::new(),
            in_flight: InFlight::default(),
            lone_batches: 0,
            pending_releases: PendingReleases::default(),
            counters: CounterTtls::default(),
            delete: None,
            identity: Identity::default(),
            silence_limit,
            responded_at: Instant::now(),
        }
    }

    /// Runs until the session is dropped and nothing is owed any more.
    pub(crate) async fn run(mut self) {
        // One timer for all silences: it is moved when it fires, not whenever an answer comes.
        let mut watch = std::pin::pin!(tokio::time::sleep_until(self.silence_ends()));
        loop {
            let event = self.sources().next(watch.as_mut()).await;
            match event {
                // The session is gone and the queue is empty.
                Event::Commands(0) if self.is_done() => return,
                Event::Commands(count) => {
                    self.take_commands(count);
                    self.coalesce().await;
                }
                Event::Responses(responses) => self.take_responses(responses),
                Event::Connected(outcome) => match *outcome {
                    Ok(ready) => self.connected(ready),
                    Err(cause) => self.not_connected(cause),
                },
                Event::Silence if self.silence_ends() > Instant::now() => {
                    watch.as_mut().reset(self.silence_ends());
                }
                Event::Silence => {
                    let text = format!("no answer for {:?}", self.silence_limit);
                    self.disconnected(NodeError::new(NodeErrorKind::Unresponsive, text));
                }
                Event::RepeatDue => self.pending.extend(self.pending_releases.pop_repeat()),
            }
            self.send();
        }
    }

    fn sources(&mut self) -> Sources<'_> {
        Sources {
            is_done: self.is_done(),
            repeat_at: self.pending_releases.next_repeat(),
            queue: &mut self.queue,
            inbox: &mut self.inbox,
            connection: &mut self.connection,
            in_flight: &mut self.in_flight,
        }
    }

    /// While answers are awaited others are about to ask as well: lets them, so that what they
    /// ask leaves in the same batch. Half the system calls, on both sides. Who asks alone is sent
    /// on at once.
    async fn coalesce(&mut self) {
        if self.in_flight.is_empty() || self.lone_batches >= MAX_LONE_BATCHES {
            return;
        }
        tokio::task::yield_now().await;
        while self.inbox.len() < MAX_BATCH
            && let Ok(command) = self.queue.try_recv()
        {
            self.inbox.push(command);
        }
        self.take_commands(self.inbox.len());
    }

    /// Moves commands from the queue to where they are sent from, or fails them.
    fn take_commands(&mut self, count: usize) {
        self.shared.dequeued(count);
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

    /// Sends what waits, as batches. Never blocks.
    fn send(&mut self) {
        while let State::Up(connection, io) = &self.connection.state {
            if self.pending.is_empty() || !self.in_flight.has_room() {
                return;
            }
            let invalidations = self
                .shared
                .notifies()
                .then_some(self.server.invalidations());
            let (pending, counters) = (&mut self.pending, &mut self.counters);
            let (batch, pipeline, count) =
                Batch::load(pending, counters, self.delete, invalidations);
            if batch.is_empty() {
                continue;
            }
            self.lone_batches = if batch.len() == 1 {
                self.lone_batches.saturating_add(1)
            } else {
                0
            };
            let sent = Instant::now();
            let connection = connection.clone();
            let responses = self.in_flight.reroute(connection, io, pipeline, count);
            if let Response::Ready(Err(_)) = responses {
                return self.resend(batch);
            }
            if self.in_flight.is_empty() {
                self.responded_at = sent;
            }
            self.in_flight.push(SentBatch {
                responses,
                batch,
                sent,
            });
        }
    }

    /// The connection had ended while it was idle: not worth a failure unless there is no other.
    fn resend(&mut self, batch: Batch) {
        for request in batch.into_requests().rev() {
            // In all likelihood nothing was sent. If it was, the acquire must not meet itself.
            let undo = request.undo();
            self.pending.push_front(request);
            if let Some(undo) = undo {
                self.pending.push_front(undo);
            }
        }
        self.shared.set_notifies(false);
        self.connection.renew();
    }

    fn connected(&mut self, ready: ReadyConnection) {
        for warning in &ready.warnings {
            tracing::warn!(node = %self.shared.name(), %warning, "redlock node");
        }
        {
            let mut report = self.shared.report();
            report.health = NodeHealth::Connected;
            report.server = ready.server;
            report.warnings = ready.warnings;
        }
        self.shared.set_time(ready.time);
        self.shared.set_notifies(ready.notifies);
        // Whatever was to be told over the connection before has not been.
        self.server.invalidations().notify_all();
        self.identity = ready.identity;
        self.counters.clear();
        self.delete = ready.delete;
        // Releases of acquires that an earlier connection may have left behind go first.
        let mut first = self
            .pending_releases
            .due_on_connect(ready.previous_is_settled);
        first.append(&mut self.pending);
        self.pending = first;
        self.connection.up(ready.connection, ready.io, ready.client);
    }

    fn not_connected(&mut self, cause: NodeError) {
        self.fail_pending(&cause);
        if self.connection.failed(cause.clone()) {
            tracing::warn!(node = %self.shared.name(), %cause, "redlock node is down");
        }
    }

    /// The connection is of no use any more; what was under way has an unknown fate.
    fn disconnected(&mut self, cause: NodeError) {
        tracing::debug!(node = %self.shared.name(), %cause, "redlock connection ended");
        for request in self.in_flight.take().flat_map(Batch::into_requests) {
            if let Command::Acquire(acquire) = &request.command {
                self.pending_releases.unknown(acquire);
            }
            self.refuse(request.command, &cause);
        }
        let unsent = NodeError::unsent(cause.kind(), cause.message());
        self.fail_pending(&unsent);
        self.connection.lost(unsent);
    }

    /// Until there is a connection, what cannot wait for it fails.
    fn fail_pending(&mut self, cause: &NodeError) {
        self.shared.set_notifies(false);
        self.shared.set_health(NodeHealth::Down(cause.clone()));
        for request in std::mem::take(&mut self.pending) {
            self.refuse(request.command, cause);
        }
    }

    /// There is no connection for `command`. Whoever waits is told when there is one again.
    fn refuse(&mut self, command: Command, cause: &NodeError) {
        if let Command::Acquire(it) = &command
            && let Some(watch) = &it.watch
        {
            self.server
                .invalidations()
                .register(it.keys.as_slice(), watch);
        }
        self.pending_releases.refuse(command, cause);
    }

    fn take_responses(&mut self, responses: RedisResult<Vec<Value>>) {
        let values = match responses {
            Ok(values) => values,
            Err(error) => return self.disconnected(error::of_command(&error)),
        };
        let Some((batch, sent)) = self.in_flight.pop() else {
            return;
        };
        self.responded_at = Instant::now();
        self.shared
            .observe_round_trip(self.responded_at.saturating_duration_since(sent));
        let (pending, pending_releases, delete) = (
            &mut self.pending,
            &mut self.pending_releases,
            &mut self.delete,
        );
        let shared = &self.shared;
        batch.settle(values, &self.identity, |settled| match settled {
            Settled::Done => {}
            Settled::Resend(request) => pending.push_back(request),
            Settled::Unsupported(request) => {
                *delete = None;
                pending.push_back(request);
            }
            Settled::Untracked => shared.set_notifies(false),
            Settled::NothingReleased(release) => pending_releases.found_nothing(release),
        });
    }

    fn silence_ends(&self) -> Instant {
        self.responded_at + self.silence_limit
    }

    fn is_done(&mut self) -> bool {
        self.queue.is_closed()
            && self.queue.is_empty()
            && self.pending.is_empty()
            && self.in_flight.is_empty()
            && !self.pending_releases.remain()
    }
}

impl Drop for Driver {
    /// The runtime ends with work left: releases are worth another way.
    fn drop(&mut self) {
        self.queue.close();
        while let Ok(command) = self.queue.try_recv() {
            self.pending.push_back(Request::new(command));
        }
        let left = self.in_flight.take();
        let left = left
            .flat_map(Batch::into_requests)
            .chain(std::mem::take(&mut self.pending))
            .chain(self.pending_releases.take())
            .filter(|request| matches!(request.command, Command::Release(_)));
        for request in left {
            if let Some(command) = self.server.reroute(request.command) {
                let error = NodeError::new(NodeErrorKind::Closed, "its runtime has ended");
                command.fail(error);
            }
        }
    }
}

/// After so many commands that nobody joined nobody is waited for.
const MAX_LONE_BATCHES: u32 = 16;
