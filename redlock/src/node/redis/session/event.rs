//! What the task of a session wakes up for.

use std::future::Future;
use std::pin::Pin;

use deadpool_redis::redis::{RedisResult, Value};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::error::NodeError;
use crate::node::Command;
use crate::node::redis::connect::handshake::ReadyConnection;
use crate::node::redis::protocol::batch::MAX_BATCH;
use crate::node::redis::session::in_flight::InFlight;
use crate::node::redis::session::reconnect::{Connection, State};
use crate::time::clock;
use crate::time::clock::Moment;

/// One thing that happened.
pub(crate) enum Event {
    Commands(usize),
    Responses(RedisResult<Vec<Value>>),
    Connected(Box<Result<ReadyConnection, NodeError>>),
    Silence,
    RepeatDue,
}

/// Everything that the task waits on.
pub(crate) struct Sources<'a> {
    pub(crate) queue: &'a mut mpsc::UnboundedReceiver<Command>,
    /// Where the queue is emptied to.
    pub(crate) inbox: &'a mut Vec<Command>,
    pub(crate) connection: &'a mut Connection,
    pub(crate) in_flight: &'a mut InFlight,
    /// When a release is due to be repeated.
    pub(crate) repeat_at: Option<Moment>,
    /// Whether the task has nothing left to do but to see the queue end.
    pub(crate) is_done: bool,
}

impl Sources<'_> {
    /// Waits for the next event. `watch` ends when the server has been silent for too long.
    pub(crate) async fn next(self, watch: Pin<&mut Sleep>) -> Event {
        let has_ended = self.queue.is_closed() && self.queue.is_empty();
        let is_receiving = match &self.connection.state {
            State::Up(..) => self.in_flight.has_room(),
            State::Down { cause, .. } => cause.is_some(),
        } && (self.is_done || !has_ended);
        let is_waiting = !self.in_flight.is_empty();
        let (io, connecting, repeat_at) = match &mut self.connection.state {
            State::Up(_, io) => (Some(io), None, self.repeat_at),
            State::Down { connecting, .. } => (None, Some(connecting), None),
        };
        let in_flight = self.in_flight;
        let responses = io.map(|io| in_flight.first_responses(io));
        tokio::select! {
            biased;
            Some(responses) = maybe(responses) => Event::Responses(responses),
            count = self.queue.recv_many(self.inbox, MAX_BATCH), if is_receiving => {
                Event::Commands(count)
            }
            Some(outcome) = maybe(connecting) => Event::Connected(Box::new(outcome)),
            () = watch, if is_waiting => Event::Silence,
            Some(()) = maybe(repeat_at.map(clock::sleep_until)) => Event::RepeatDue,
        }
    }
}

/// Waits for a future that may not be there.
async fn maybe<F: Future>(future: Option<F>) -> Option<F::Output> {
    match future {
        Some(future) => Some(future.await),
        None => None,
    }
}
