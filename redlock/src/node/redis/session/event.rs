//! Events for which the task of a session wakes.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use deadpool_redis::redis::Value;
use tokio::task::coop;
use tokio::time::Sleep;

use crate::error::NodeError;
use crate::node::redis::connect::ready_connection::{FailedHandshake, ReadyConnection};
use crate::node::redis::protocol::batch::MAX_DRAINED;
use crate::node::redis::protocol::request::Request;
use crate::node::redis::session::in_flight::InFlight;
use crate::node::redis::session::queue::Queue;
use crate::node::redis::session::reconnect::{Connection, State};
use crate::time::clock;
use crate::time::clock::Moment;

pub(crate) enum Event {
    /// This many requests were moved to the inbox. 0: the session was dropped, and the queue is empty.
    Requests(usize),
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
    pub(crate) queue: &'a Queue,
    /// Receives the requests from the queue.
    pub(crate) inbox: &'a mut VecDeque<Request>,
    pub(crate) connection: &'a mut Connection,
    pub(crate) in_flight: &'a InFlight,
    /// When a release is due to be repeated.
    pub(crate) repeat_at: Option<Moment>,
    /// Whether the queue was found to have ended while work is left.
    pub(crate) is_draining: bool,
}

impl Sources<'_> {
    /// Waits for the next event. `silence_timer` matters only while batches are in flight.
    pub(crate) async fn next(mut self, mut silence_timer: Pin<&mut Sleep>) -> Event {
        let is_up = matches!(self.connection.state, State::Up(_));
        let repeat_at = self.repeat_at.filter(|_| is_up);
        let mut repeat = pin!(repeat_at.map(clock::sleep_until));
        poll_fn(|cx| {
            if !coop::has_budget_remaining() {
                // The other tasks first.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Poll::Ready(event) = self.poll(cx) {
                return Poll::Ready(event);
            }
            if !self.in_flight.is_empty() && silence_timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Silence);
            }
            match repeat.as_mut().as_pin_mut() {
                Some(repeat) => repeat.poll(cx).map(|()| Event::RepeatDue),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Polls all sources but the timers, in the order in which they matter.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let mut is_receiving = self.in_flight.has_room();
        match &mut self.connection.state {
            State::Up(wire) => {
                if let Poll::Ready(responses) = wire.poll_responses(cx) {
                    return Poll::Ready(Event::Responses(responses));
                }
            }
            State::Down { cause, .. } => is_receiving = cause.is_some(),
        }
        if is_receiving
            && !self.is_draining
            && let Poll::Ready(count) = self.queue.poll_take(cx, self.inbox, MAX_DRAINED)
        {
            return Poll::Ready(Event::Requests(count));
        }
        if let State::Down { connecting, .. } = &mut self.connection.state
            && let Poll::Ready(outcome) = connecting.as_mut().poll(cx)
        {
            return Poll::Ready(Event::Connected(Box::new(outcome)));
        }
        match &mut self.connection.second {
            Some(second) => second
                .as_mut()
                .poll(cx)
                .map(|it| Event::Second(Box::new(it))),
            None => Poll::Pending,
        }
    }
}
