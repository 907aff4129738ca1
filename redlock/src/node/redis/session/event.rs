//! What the task of a session wakes up for.

use std::future::Future;
use std::pin::Pin;

use deadpool_redis::redis::{RedisResult, Value};
use tokio::time::Sleep;

use crate::error::NodeError;
use crate::node::redis::connect::handshake::Link;
use crate::node::redis::protocol::batch::MAX_BATCH;
use crate::node::redis::session::driver::{Driver, MAX_FLIGHTS};
use crate::node::redis::session::reconnect::State;
use crate::time::clock;

/// One thing that happened.
pub(crate) enum Event {
    Commands(usize),
    Answers(RedisResult<Vec<Value>>),
    Connected(Box<Result<Link, NodeError>>),
    Silence,
    RepeatDue,
}

impl Driver {
    /// Waits for the next. `watch` ends when the server has been silent for too long.
    pub(crate) async fn next_event(&mut self, watch: Pin<&mut Sleep>) -> Event {
        let receiving = match &self.link {
            State::Up(..) => self.flights.len() < MAX_FLIGHTS,
            State::Down { cause, .. } => cause.is_some(),
        } && !(self.queue.is_closed() && self.queue.is_empty() && !self.is_done());
        let repeat = match self.link {
            State::Up(..) => self.debts.next_repeat(),
            State::Down { .. } => None,
        };
        let waiting = !self.flights.is_empty();
        let flights = &mut self.flights;
        let (pump, connecting) = match &mut self.link {
            State::Up(_, pump) => (Some(pump), None),
            State::Down { connecting, .. } => (None, Some(connecting)),
        };
        let answers = pump.map(|pump| flights.first_answers(pump));
        tokio::select! {
            biased;
            Some(answers) = maybe(answers) => Event::Answers(answers),
            count = self.queue.recv_many(&mut self.inbox, MAX_BATCH), if receiving => {
                Event::Commands(count)
            }
            Some(outcome) = maybe(connecting) => Event::Connected(Box::new(outcome)),
            () = watch, if waiting => Event::Silence,
            Some(()) = maybe(repeat.map(clock::sleep_until)) => {
                Event::RepeatDue
            }
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
