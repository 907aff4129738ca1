//! Batches on their way to the server, and their answers on their way back.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Pipeline, RedisResult, Value};
use tokio::time::Instant;

use super::batch::Batch;
use super::pump::Pump;

/// The batches that are under way. Answers come in the order in which they were sent.
#[derive(Default)]
pub(super) struct Flights {
    flights: VecDeque<Flight>,
    /// Whether the first was looked at since the connection last did something.
    is_seen: bool,
}

/// A batch that was sent.
pub(super) struct Flight {
    pub(super) answers: Answers,
    pub(super) batch: Batch,
    pub(super) sent: Instant,
}

/// The answers to a batch.
pub(super) enum Answers {
    /// On their way.
    Awaited(Pin<Box<dyn Future<Output = RedisResult<Vec<Value>>> + Send>>),
    /// Here already.
    Here(RedisResult<Vec<Value>>),
}

impl Flights {
    pub(super) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    pub(super) fn push(&mut self, flight: Flight) {
        self.is_seen |= self.is_empty();
        self.flights.push_back(flight);
    }

    /// Takes out the first.
    pub(super) fn pop(&mut self) -> Option<Flight> {
        self.is_seen = false;
        self.flights.pop_front()
    }

    /// Takes out all that was sent, in order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Batch> + use<> {
        let flights = std::mem::take(&mut self.flights).into_iter();
        flights.map(|flight| flight.batch)
    }

    /// The answers to the batch that was sent first, over a connection that is worked by `pump`.
    /// Cancel safe.
    pub(super) async fn first_answers(&mut self, pump: &mut Pump) -> RedisResult<Vec<Value>> {
        loop {
            if !self.is_seen
                && let Some(flight) = self.flights.front_mut()
            {
                self.is_seen = true;
                let mut context = Context::from_waker(pump.waker());
                if let Poll::Ready(answers) = flight.answers.poll(&mut context) {
                    return answers;
                }
            }
            pump.turn().await;
            self.is_seen = false;
        }
    }
}

impl Answers {
    /// Hands a batch over to the connection, which is worked by `pump`.
    pub(super) fn of(
        mut connection: MultiplexedConnection,
        pump: &Pump,
        pipeline: Pipeline,
        count: usize,
    ) -> Self {
        let mut awaited: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
            let mut commands = pipeline.cmd_iter();
            match (commands.next(), commands.next()) {
                // As most batches are where few tasks lock: at half of the price.
                (Some(command), None) if count == 1 => {
                    let answer = connection.send_packed_command(command).await;
                    Ok(vec![answer?])
                }
                _ => connection.send_packed_commands(&pipeline, 0, count).await,
            }
        });
        // The first poll hands the bytes over, so that batches leave in order. Outside the task's
        // budget, which must not make it an empty gesture.
        let first = tokio::task::coop::unconstrained(awaited.as_mut());
        match std::pin::pin!(first).poll(&mut Context::from_waker(pump.waker())) {
            Poll::Ready(answers) => Self::Here(answers),
            Poll::Pending => Self::Awaited(awaited),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<RedisResult<Vec<Value>>> {
        match self {
            Self::Awaited(answers) => answers.as_mut().poll(cx),
            Self::Here(answers) => Poll::Ready(std::mem::replace(answers, Ok(Vec::new()))),
        }
    }
}
