//! Batches on their way to the server, and their answers on their way back.

use std::collections::VecDeque;
use std::future::Future;
use std::task::{Context, Poll};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Pipeline, RedisResult, Value};
use tokio::time::Instant;
use tokio_util::sync::ReusableBoxFuture;

use crate::node::redis::connect::io::Pump;
use crate::node::redis::protocol::batch::Batch;

/// The batches that are under way. Answers come in the order in which they were sent.
#[derive(Default)]
pub(crate) struct Flights {
    flights: VecDeque<Flight>,
    /// Whether the first was looked at since the connection last did something.
    is_seen: bool,
    /// Room for the next answers, where others were awaited: more than an allocator has at hand.
    room: Option<Awaited>,
}

/// A batch that was sent.
pub(crate) struct Flight {
    pub(crate) answers: Answers,
    pub(crate) batch: Batch,
    pub(crate) sent: Instant,
}

/// The answers to a batch.
pub(crate) enum Answers {
    /// On their way.
    Awaited(Awaited),
    /// Here already.
    Here(RedisResult<Vec<Value>>),
}

type Awaited = ReusableBoxFuture<'static, RedisResult<Vec<Value>>>;

impl Flights {
    /// Whether another batch can be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.flights.len() < MAX_FLIGHTS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    pub(crate) fn push(&mut self, flight: Flight) {
        if self.is_empty() {
            self.is_seen = matches!(flight.answers, Answers::Awaited(_));
        }
        self.flights.push_back(flight);
    }

    /// Takes out the first, whose answers were found. Returns its batch, and when it was sent.
    pub(crate) fn pop(&mut self) -> Option<(Batch, Instant)> {
        self.is_seen = false;
        let first = self.flights.pop_front()?;
        if let Answers::Awaited(awaited) = first.answers {
            self.room = Some(awaited);
        }
        Some((first.batch, first.sent))
    }

    /// Hands a batch over to the connection, which is worked by `pump`.
    pub(crate) fn hand_over(
        &mut self,
        mut connection: MultiplexedConnection,
        pump: &Pump,
        pipeline: Pipeline,
        count: usize,
    ) -> Answers {
        let answered = async move {
            let mut commands = pipeline.cmd_iter();
            match (commands.next(), commands.next()) {
                // As most batches are where few tasks lock: without lists of one, on either way.
                (Some(command), None) if count == 1 => {
                    let answer = connection.send_packed_command(command).await;
                    Ok(vec![answer?])
                }
                _ => connection.send_packed_commands(&pipeline, 0, count).await,
            }
        };
        let mut awaited = match self.room.take() {
            Some(mut room) => {
                room.set(answered);
                room
            }
            None => Awaited::new(answered),
        };
        // The first poll hands the bytes over, so that batches leave in order. Outside the task's
        // budget, which must not make it an empty gesture.
        let first = tokio::task::coop::unconstrained(awaited.get_pin());
        match std::pin::pin!(first).poll(&mut Context::from_waker(pump.waker())) {
            Poll::Ready(answers) => Answers::Here(answers),
            Poll::Pending => Answers::Awaited(awaited),
        }
    }

    /// Takes out all that was sent, in order.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Batch> + use<> {
        let flights = std::mem::take(&mut self.flights).into_iter();
        flights.map(|flight| flight.batch)
    }

    /// The answers to the batch that was sent first, over a connection that is worked by `pump`.
    /// Cancel safe.
    pub(crate) async fn first_answers(&mut self, pump: &mut Pump) -> RedisResult<Vec<Value>> {
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
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<RedisResult<Vec<Value>>> {
        match self {
            Self::Awaited(answers) => answers.poll(cx),
            Self::Here(answers) => Poll::Ready(std::mem::replace(answers, Ok(Vec::new()))),
        }
    }
}

/// Batches under way at once. Below what the client library queues for a connection, so that
/// handing one over never waits.
const MAX_FLIGHTS: usize = 32;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::node::redis::protocol::counter_ttl::Counters;

    fn flight(answers: Answers) -> Flight {
        let (batch, ..) = Batch::load(&mut VecDeque::new(), &mut Counters::default(), None, None);
        Flight {
            answers,
            batch,
            sent: Instant::now(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_found_however_early_they_come_and_in_the_order_of_the_batches() {
        let (mut flights, mut pump) = (Flights::default(), Pump::elsewhere());
        // The first turn is due; none comes after it, as nobody works this connection.
        pump.turn().await;
        let awaited = std::future::ready(Ok(vec![Value::Int(2)]));
        let awaited = Answers::Awaited(Awaited::new(awaited));
        flights.push(flight(Answers::Here(Ok(vec![Value::Int(1)]))));
        flights.push(flight(awaited));
        for expected in [1, 2] {
            let first = flights.first_answers(&mut pump);
            let answers = tokio::time::timeout(Duration::from_secs(1), first).await;
            assert_eq!(answers.unwrap().unwrap(), [Value::Int(expected)]);
            drop(flights.pop());
        }
        let first = flights.first_answers(&mut pump);
        let answers = tokio::time::timeout(Duration::from_secs(1), first).await;
        assert!(answers.is_err(), "nothing is under way");
    }
}
