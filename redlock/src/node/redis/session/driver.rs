//! The task that talks to a server: it sends what waits as one batch, never waits for an answer
//! before it sends the next, and reconnects in the background.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{RedisResult, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::Inner;
use crate::node::redis::connect::handshake;
use crate::node::redis::connect::handshake::Client;
use crate::node::redis::protocol::batch::{Batch, MAX_BATCH};
use crate::node::redis::protocol::compare_delete::Delete;
use crate::node::redis::protocol::counter_ttl::Counters;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Item, Settled};
use crate::node::redis::session::Shared;
use crate::node::redis::session::event::Event;
use crate::node::redis::session::in_flight::{Answers, Flight, Flights};
use crate::node::redis::session::pending_releases::Debts;
use crate::node::redis::session::reconnect::State;
use crate::node::{Command, Identity, Session};
use crate::time::jitter::Jitter;

/// Everything one session does.
pub(crate) struct Driver {
    pub(super) node: Arc<Inner>,
    pub(super) shared: Arc<Shared>,
    pub(super) queue: mpsc::UnboundedReceiver<Command>,
    /// Where the queue is emptied to; kept for its memory.
    pub(super) inbox: Vec<Command>,
    /// What has to be sent before anything from the queue.
    pub(super) pending: VecDeque<Item>,
    pub(super) link: State,
    pub(super) flights: Flights,
    /// How many batches of one command have left in a row.
    pub(super) lone_batches: u32,
    pub(super) debts: Debts,
    pub(super) counters: Counters,
    /// The server's own way to delete a key that is ours, for as long as it lets us.
    pub(super) delete: Option<Delete>,
    pub(super) identity: Identity,
    pub(super) client: Option<Client>,
    /// How many attempts to connect have failed in a row.
    pub(super) attempts: u32,
    pub(super) jitter: Jitter,
    pub(super) patience: Duration,
    pub(super) heard: Instant,
}

impl Driver {
    pub(crate) fn new(
        node: Arc<Inner>,
        shared: Arc<Shared>,
        queue: mpsc::UnboundedReceiver<Command>,
        patience: Duration,
    ) -> Self {
        let connecting = Box::pin(handshake::connect(Arc::clone(&node), None, Duration::ZERO));
        Self {
            node,
            shared,
            queue,
            inbox: Vec::new(),
            pending: VecDeque::new(),
            link: State::Down {
                cause: None,
                connecting,
            },
            flights: Flights::default(),
            lone_batches: 0,
            debts: Debts::default(),
            counters: Counters::default(),
            delete: None,
            identity: Identity::default(),
            client: None,
            attempts: 0,
            jitter: Jitter::new(None),
            patience,
            heard: Instant::now(),
        }
    }

    /// Runs until the session is dropped and nothing is owed any more.
    pub(crate) async fn run(mut self) {
        // One timer for all silences: it is moved when it fires, not whenever an answer comes.
        let mut watch = std::pin::pin!(tokio::time::sleep_until(self.silence_ends()));
        loop {
            match self.next_event(watch.as_mut()).await {
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
                    let text = format!("no answer for {:?}", self.patience);
                    self.disconnected(NodeError::new(NodeErrorKind::Unresponsive, text));
                }
                Event::RepeatDue => self.pending.extend(self.debts.pop_repeat()),
            }
            self.send();
        }
    }

    /// While answers are awaited others are about to ask as well: lets them, so that what they
    /// ask leaves in the same batch. Half the system calls, on both sides. Who asks alone is sent
    /// on at once.
    pub(super) async fn gather(&mut self) {
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
    pub(super) fn take_commands(&mut self, count: usize) {
        self.shared.dequeued(count);
        let mut inbox = std::mem::take(&mut self.inbox);
        let cause = match &self.link {
            State::Down { cause, .. } => cause.clone(),
            State::Up(..) => None,
        };
        for command in inbox.drain(..) {
            match &cause {
                Some(cause) => self.refuse(command, cause),
                None => self.pending.push_back(Item::new(command)),
            }
        }
        self.inbox = inbox;
    }

    /// Sends what waits, as batches. Never blocks.
    pub(super) fn send(&mut self) {
        while let State::Up(connection, pump) = &self.link {
            if self.pending.is_empty() || self.flights.len() >= MAX_FLIGHTS {
                return;
            }
            let listeners = self.shared.tells().then_some(&self.node.pushes);
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
    pub(super) fn send_again(&mut self, batch: Batch) {
        for item in batch.into_items().rev() {
            // In all likelihood nothing was sent. If it was, the acquire must not meet itself.
            let undo = item.undo();
            self.pending.push_front(item);
            if let Some(undo) = undo {
                self.pending.push_front(undo);
            }
        }
        self.reconnect(None, Duration::ZERO);
    }

    pub(super) fn take_answers(&mut self, answers: RedisResult<Vec<Value>>) {
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

    pub(super) fn silence_ends(&self) -> Instant {
        self.heard + self.patience
    }

    pub(super) fn is_done(&mut self) -> bool {
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
        let mut left = left.peekable();
        if left.peek().is_none() {
            return;
        }
        let other = self.node.live_session();
        for item in left {
            match &other {
                Some(other) => other.submit(item.command),
                None => item.command.fail(NodeError::new(
                    NodeErrorKind::Closed,
                    "its runtime has ended",
                )),
            }
        }
    }
}

/// After so many commands that nobody joined nobody is waited for.
const LONELY: u32 = 16;

/// Batches under way at once. Below what the client library queues for a connection, so that
/// handing one over never waits.
pub(super) const MAX_FLIGHTS: usize = 32;
