//! The task that talks to a server: it sends what waits as one batch, never waits for an answer
//! before it sends the next, and reconnects in the background.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{RedisResult, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::handshake::Link;
use crate::node::redis::protocol::batch::{Batch, MAX_BATCH};
use crate::node::redis::protocol::compare_delete::Delete;
use crate::node::redis::protocol::counter_ttl::Counters;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Item, Settled};
use crate::node::redis::session::event::{Event, Sources};
use crate::node::redis::session::in_flight::{Answers, Flight, Flights};
use crate::node::redis::session::pending_releases::Debts;
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
    pending: VecDeque<Item>,
    connection: Connection,
    flights: Flights,
    /// How many batches of one command have left in a row.
    lone_batches: u32,
    debts: Debts,
    counters: Counters,
    /// The server's own way to delete a key that is ours, for as long as it lets us.
    delete: Option<Delete>,
    identity: Identity,
    silence_limit: Duration,
    heard: Instant,
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
            flights: Flights::default(),
            lone_batches: 0,
            debts: Debts::default(),
            counters: Counters::default(),
            delete: None,
            identity: Identity::default(),
            silence_limit,
            heard: Instant::now(),
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
                    self.gather().await;
                }
                Event::Answers(answers) => self.take_answers(answers),
                Event::Connected(outcome) => match *outcome {
                    Ok(link) => self.connected(link),
                    Err(cause) => self.not_connected(cause),
                },
                Event::Silence if self.silence_ends() > Instant::now() => {
                    watch.as_mut().reset(self.silence_ends());
                }
                Event::Silence => {
                    let text = format!("no answer for {:?}", self.silence_limit);
                    self.disconnected(NodeError::new(NodeErrorKind::Unresponsive, text));
                }
                Event::RepeatDue => self.pending.extend(self.debts.pop_repeat()),
            }
            self.send();
        }
    }

    fn sources(&mut self) -> Sources<'_> {
        Sources {
            is_done: self.is_done(),
            repeat_at: self.debts.next_repeat(),
            queue: &mut self.queue,
            inbox: &mut self.inbox,
            connection: &mut self.connection,
            flights: &mut self.flights,
        }
    }

    /// While answers are awaited others are about to ask as well: lets them, so that what they
    /// ask leaves in the same batch. Half the system calls, on both sides. Who asks alone is sent
    /// on at once.
    async fn gather(&mut self) {
        if self.flights.is_empty() || self.lone_batches >= LONELY {
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
                None => self.pending.push_back(Item::new(command)),
            }
        }
        self.inbox = inbox;
    }

    /// Sends what waits, as batches. Never blocks.
    fn send(&mut self) {
        while let State::Up(connection, pump) = &self.connection.state {
            if self.pending.is_empty() || !self.flights.has_room() {
                return;
            }
            let listeners = self.shared.tells().then_some(self.server.pushes());
            let (pending, counters) = (&mut self.pending, &mut self.counters);
            let (batch, pipeline, count) = Batch::load(pending, counters, self.delete, listeners);
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
            let answers = self.flights.hand_over(connection, pump, pipeline, count);
            if let Answers::Here(Err(_)) = answers {
                return self.send_again(batch);
            }
            if self.flights.is_empty() {
                self.heard = sent;
            }
            self.flights.push(Flight {
                answers,
                batch,
                sent,
            });
        }
    }

    /// The connection had ended while it was idle: not worth a failure unless there is no other.
    fn send_again(&mut self, batch: Batch) {
        for item in batch.into_items().rev() {
            // In all likelihood nothing was sent. If it was, the acquire must not meet itself.
            let undo = item.undo();
            self.pending.push_front(item);
            if let Some(undo) = undo {
                self.pending.push_front(undo);
            }
        }
        self.shared.set_tells(false);
        self.connection.renew();
    }

    fn connected(&mut self, link: Link) {
        for warning in &link.warnings {
            tracing::warn!(node = %self.shared.name(), %warning, "redlock node");
        }
        {
            let mut report = self.shared.report();
            report.health = NodeHealth::Connected;
            report.server = link.server;
            report.warnings = link.warnings;
        }
        self.shared.set_time(link.time);
        self.shared.set_tells(link.tells);
        // Whatever was to be told over the connection before has not been.
        self.server.pushes().tell_all();
        self.identity = link.identity;
        self.counters.clear();
        self.delete = link.delete;
        // Releases of acquires that an earlier connection may have left behind go first.
        let mut first = self.debts.due_on_connect(link.previous_is_settled);
        first.append(&mut self.pending);
        self.pending = first;
        self.connection.up(link.connection, link.pump, link.client);
    }

    fn not_connected(&mut self, cause: NodeError) {
        self.go_down(&cause);
        if self.connection.failed(cause.clone()) {
            tracing::warn!(node = %self.shared.name(), %cause, "redlock node is down");
        }
    }

    /// The connection is of no use any more; what was under way has an unknown fate.
    fn disconnected(&mut self, cause: NodeError) {
        tracing::debug!(node = %self.shared.name(), %cause, "redlock connection ended");
        for item in self.flights.take().flat_map(Batch::into_items) {
            if let Command::Acquire(acquire) = &item.command {
                self.debts.unknown(acquire);
            }
            self.refuse(item.command, &cause);
        }
        let unsent = NodeError::unsent(cause.kind(), cause.message());
        self.go_down(&unsent);
        self.connection.lost(unsent);
    }

    /// Until there is a connection, what cannot wait for it fails.
    fn go_down(&mut self, cause: &NodeError) {
        self.shared.set_tells(false);
        self.shared.set_health(NodeHealth::Down(cause.clone()));
        for item in std::mem::take(&mut self.pending) {
            self.refuse(item.command, cause);
        }
    }

    /// There is no connection for `command`. Whoever waits is told when there is one again.
    fn refuse(&mut self, command: Command, cause: &NodeError) {
        if let Command::Acquire(it) = &command
            && let Some(watch) = &it.watch
        {
            self.server.pushes().expect(it.keys.as_slice(), watch);
        }
        self.debts.refuse(command, cause);
    }

    fn take_answers(&mut self, answers: RedisResult<Vec<Value>>) {
        let values = match answers {
            Ok(values) => values,
            Err(error) => return self.disconnected(error::of_command(&error)),
        };
        let Some((batch, sent)) = self.flights.pop() else {
            return;
        };
        self.heard = Instant::now();
        self.shared
            .measured(self.heard.saturating_duration_since(sent));
        let (pending, debts, delete) = (&mut self.pending, &mut self.debts, &mut self.delete);
        let shared = &self.shared;
        batch.settle(values, &self.identity, |settled| match settled {
            Settled::Answered => {}
            Settled::Again(item) => pending.push_back(item),
            Settled::NotAllowed(item) => {
                *delete = None;
                pending.push_back(item);
            }
            Settled::NotTold => shared.set_tells(false),
            Settled::NothingToRelease(release) => debts.found_nothing(release),
        });
    }

    fn silence_ends(&self) -> Instant {
        self.heard + self.silence_limit
    }

    fn is_done(&mut self) -> bool {
        self.queue.is_closed()
            && self.queue.is_empty()
            && self.pending.is_empty()
            && self.flights.is_empty()
            && !self.debts.remain()
    }
}

impl Drop for Driver {
    /// The runtime ends with work left: releases are worth another way.
    fn drop(&mut self) {
        self.queue.close();
        while let Ok(command) = self.queue.try_recv() {
            self.pending.push_back(Item::new(command));
        }
        let left = self.flights.take();
        let left = left
            .flat_map(Batch::into_items)
            .chain(std::mem::take(&mut self.pending))
            .chain(self.debts.take())
            .filter(|item| matches!(item.command, Command::Release(_)));
        for item in left {
            if let Some(command) = self.server.hand_over(item.command) {
                let error = NodeError::new(NodeErrorKind::Closed, "its runtime has ended");
                command.fail(error);
            }
        }
    }
}

/// After so many commands that nobody joined nobody is waited for.
const LONELY: u32 = 16;
