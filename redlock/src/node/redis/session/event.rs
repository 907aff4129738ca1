//! Events for which the task of a session wakes.

use std::future::Future;
use std::pin::Pin;

use deadpool_redis::redis::Value;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::error::NodeError;
use crate::node::Command;
use crate::node::redis::connect::ready_connection::{FailedHandshake, ReadyConnection};
use crate::node::redis::protocol::batch::MAX_DRAINED;
use crate::node::redis::session::in_flight::InFlight;
use crate::node::redis::session::reconnect::{Connection, State};
use crate::node::redis::wire::Wire;
use crate::time::clock;
use crate::time::clock::Moment;

pub(crate) enum Event {
    /// This many commands were moved to the inbox. 0: the queue is closed and empty.
    Commands(usize),
    /// The responses to the first batch in flight, or the error that ended the connection.
    Responses(Result<Vec<Value>, NodeError>),
    /// An attempt to connect has succeeded or failed.
    Connected(Box<Result<ReadyConnection, FailedHandshake>>),
    /// The second connection is ready, or failed. The first one is silent.
    Second(Box<Result<ReadyConnection, FailedHandshake>>),
    /// The silence timer has fired.
    Silence,
    /// A release is due to be repeated.
    RepeatDue,
}

/// The sources of events.
pub(crate) struct Sources<'a> {
    pub(crate) queue: &'a mut mpsc::UnboundedReceiver<Command>,
    /// Receives the commands from the queue.
    pub(crate) inbox: &'a mut Vec<Command>,
    pub(crate) connection: &'a mut Connection,
    pub(crate) in_flight: &'a InFlight,
    /// When a release is due to be repeated.
    pub(crate) repeat_at: Option<Moment>,
    /// Whether the queue has ended while work is left. The caller looks at the queue once for this: it
    /// may end at any moment, and its end must not be missed.
    pub(crate) is_draining: bool,
}

impl Sources<'_> {
    /// Waits for the next event. `silence_timer` matters only while batches are in flight.
    pub(crate) async fn next(self, silence_timer: Pin<&mut Sleep>) -> Event {
        let is_receiving = match &self.connection.state {
            State::Up(..) => self.in_flight.has_room(),
            State::Down { cause, .. } => cause.is_some(),
        } && !self.is_draining;
        let has_in_flight = !self.in_flight.is_empty();
        let (wire, connecting, repeat_at) = match &mut self.connection.state {
            State::Up(wire) => (Some(wire), None, self.repeat_at),
            State::Down { connecting, .. } => (None, Some(connecting), None),
        };
        let second = self.connection.second.as_mut();
        let responses = wire.map(Wire::responses);
        tokio::select! {
            biased;
            Some(responses) = optional(responses) => Event::Responses(responses),
            count = self.queue.recv_many(self.inbox, MAX_DRAINED), if is_receiving => {
                Event::Commands(count)
            }
            Some(outcome) = optional(connecting) => Event::Connected(Box::new(outcome)),
            Some(outcome) = optional(second) => Event::Second(Box::new(outcome)),
            () = silence_timer, if has_in_flight => Event::Silence,
            Some(()) = optional(repeat_at.map(clock::sleep_until)) => Event::RepeatDue,
        }
    }
}

/// Waits for a future, if there is one.
async fn optional<F: Future>(future: Option<F>) -> Option<F::Output> {
    match future {
        Some(future) => Some(future.await),
        None => None,
    }
}
