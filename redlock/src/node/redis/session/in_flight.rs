//! Batches on their way to the server, and their answers on their way back.

use std::collections::VecDeque;
use std::future::Future;
use std::task::{Context, Poll};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Pipeline, RedisResult, Value};
use tokio::time::Instant;
use tokio_util::sync::ReusableBoxFuture;

use crate::node::redis::connect::io::ConnectionIo;
use crate::node::redis::protocol::batch::Batch;

/// The batches that are under way. Answers come in the order in which they were sent.
#[derive(Default)]
pub(crate) struct InFlight {
    in_flight: VecDeque<SentBatch>,
    /// Whether the first was looked at since the connection last did something.
    is_seen: bool,
    /// Room for the next answers, where others were awaited: more than an allocator has at hand.
    room: Option<Awaited>,
}

/// A batch that was sent.
pub(crate) struct SentBatch {
    pub(crate) responses: Response,
    pub(crate) batch: Batch,
    pub(crate) sent: Instant,
}

/// The answers to a batch.
pub(crate) enum Response {
    /// On their way.
    Pending(Awaited),
    /// Here already.
    Ready(RedisResult<Vec<Value>>),
}

type Awaited = ReusableBoxFuture<'static, RedisResult<Vec<Value>>>;

impl InFlight {
    /// Whether another batch can be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight.len() < MAX_FLIGHTS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    pub(crate) fn push(&mut self, flight: SentBatch) {
        if self.is_empty() {
            self.is_seen = matches!(flight.responses, Response::Pending(_));
        }
        self.in_flight.push_back(flight);
    }

    /// Takes out the first, whose answers were found. Returns its batch, and when it was sent.
    pub(crate) fn pop(&mut self) -> Option<(Batch, Instant)> {
        self.is_seen = false;
        let first = self.in_flight.pop_front()?;
        if let Response::Pending(pending) = first.responses {
            self.room = Some(pending);
        }
        Some((first.batch, first.sent))
    }

    /// Hands a batch over to the connection, which is worked by `pump`.
    pub(crate) fn reroute(
        &mut self,
        mut connection: MultiplexedConnection,
        io: &ConnectionIo,
        pipeline: Pipeline,
        count: usize,
    ) -> Response {
        let answered = async move {
            let mut commands = pipeline.cmd_iter();
            match (commands.next(), commands.next()) {
                // As most batches are where few tasks lock: without lists of one, on either way.
                (Some(command), None) if count == 1 => {
                    let response = connection.send_packed_command(command).await;
                    Ok(vec![response?])
                }
                _ => connection.send_packed_commands(&pipeline, 0, count).await,
            }
        };
        let mut pending = match self.room.take() {
            Some(mut room) => {
                room.set(answered);
                room
            }
            None => Awaited::new(answered),
        };
        // The first poll hands the bytes over, so that batches leave in order. Outside the task's
        // budget, which must not make it an empty gesture.
        let first = tokio::task::coop::unconstrained(pending.get_pin());
        match std::pin::pin!(first).poll(&mut Context::from_waker(io.waker())) {
            Poll::Ready(responses) => Response::Ready(responses),
            Poll::Pending => Response::Pending(pending),
        }
    }

    /// Takes out all that was sent, in order.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Batch> + use<> {
        let in_flight = std::mem::take(&mut self.in_flight).into_iter();
        in_flight.map(|flight| flight.batch)
    }

    /// The answers to the batch that was sent first, over a connection that is worked by `pump`.
    /// Cancel safe.
    pub(crate) async fn first_responses(
        &mut self,
        io: &mut ConnectionIo,
    ) -> RedisResult<Vec<Value>> {
        loop {
            if !self.is_seen
                && let Some(flight) = self.in_flight.front_mut()
            {
                self.is_seen = true;
                let mut context = Context::from_waker(io.waker());
                if let Poll::Ready(responses) = flight.responses.poll(&mut context) {
                    return responses;
                }
            }
            io.drive().await;
            self.is_seen = false;
        }
    }
}

impl Response {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<RedisResult<Vec<Value>>> {
        match self {
            Self::Pending(responses) => responses.poll(cx),
            Self::Ready(responses) => Poll::Ready(std::mem::replace(responses, Ok(Vec::new()))),
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
    use crate::node::redis::protocol::counter_ttl::CounterTtls;

    fn flight(responses: Response) -> SentBatch {
        let (batch, ..) = Batch::load(
            &mut VecDeque::new(),
            &mut CounterTtls::default(),
            None,
            None,
        );
        SentBatch {
            responses,
            batch,
            sent: Instant::now(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_found_however_early_they_come_and_in_the_order_of_the_batches() {
        let (mut in_flight, mut io) = (InFlight::default(), ConnectionIo::elsewhere());
        // The first turn is due; none comes after it, as nobody works this connection.
        io.drive().await;
        let pending = std::future::ready(Ok(vec![Value::Int(2)]));
        let pending = Response::Pending(Awaited::new(pending));
        in_flight.push(flight(Response::Ready(Ok(vec![Value::Int(1)]))));
        in_flight.push(flight(pending));
        for expected in [1, 2] {
            let first = in_flight.first_responses(&mut io);
            let responses = tokio::time::timeout(Duration::from_secs(1), first).await;
            assert_eq!(responses.unwrap().unwrap(), [Value::Int(expected)]);
            drop(in_flight.pop());
        }
        let first = in_flight.first_responses(&mut io);
        let responses = tokio::time::timeout(Duration::from_secs(1), first).await;
        assert!(responses.is_err(), "nothing is under way");
    }
}
