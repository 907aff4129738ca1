//! Batches in flight, and their responses.

use std::collections::VecDeque;
use std::future::Future;
use std::task::{Context, Poll};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Pipeline, RedisResult, Value};
use tokio::time::Instant;
use tokio_util::sync::ReusableBoxFuture;

use crate::node::redis::connect::io::ConnectionIo;
use crate::node::redis::protocol::batch::Batch;
use crate::node::redis::protocol::request::Request;

/// The batches in flight. Their responses arrive in the order in which they were sent.
#[derive(Default)]
pub(crate) struct InFlight {
    batches: VecDeque<SentBatch>,
    /// Whether the first batch was polled since the connection was last driven.
    is_first_polled: bool,
    /// The allocation of a finished response future, for the next one. It is larger than what an
    /// allocator keeps at hand.
    spare: Option<ResponseFuture>,
    /// The number of batches of one command in a row.
    lone_batches: u32,
}

/// A batch that was sent.
pub(crate) struct SentBatch {
    pub(crate) responses: BatchResponse,
    pub(crate) batch: Batch,
    pub(crate) sent_at: Instant,
}

/// The responses to a batch.
pub(crate) enum BatchResponse {
    Pending(ResponseFuture),
    Ready(RedisResult<Vec<Value>>),
}

type ResponseFuture = ReusableBoxFuture<'static, RedisResult<Vec<Value>>>;

impl InFlight {
    /// Whether another batch can be sent.
    pub(crate) fn has_room(&self) -> bool {
        let is_probe = |sent: &SentBatch| sent.batch.waiting_probe.is_some();
        // Nothing may follow a probe before its responses: see `WaitingForm`.
        self.batches.len() < MAX_IN_FLIGHT && !self.batches.back().is_some_and(is_probe)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    fn push(&mut self, sent: SentBatch) {
        if self.is_empty() {
            // `send` has just polled it.
            self.is_first_polled = matches!(sent.responses, BatchResponse::Pending(_));
        }
        self.batches.push_back(sent);
    }

    /// Removes the first batch, whose responses are ready. Returns it with the time of sending.
    pub(crate) fn pop(&mut self) -> Option<(Batch, Instant)> {
        self.is_first_polled = false;
        let first = self.batches.pop_front()?;
        if let BatchResponse::Pending(future) = first.responses {
            self.spare = Some(future);
        }
        Some((first.batch, first.sent_at))
    }

    /// Whether the last batches each had one command: there are no other callers to wait for.
    pub(crate) fn are_batches_lone(&self) -> bool {
        self.lone_batches >= MAX_LONE_BATCHES
    }

    /// Passes a batch to the connection, which `io` drives. Never blocks. Returns the batch if the
    /// connection has ended.
    pub(crate) fn send(
        &mut self,
        connection: MultiplexedConnection,
        io: &ConnectionIo,
        batch: Batch,
        pipeline: Pipeline,
        count: usize,
    ) -> Result<(), Batch> {
        self.lone_batches = if batch.len() == 1 {
            self.lone_batches.saturating_add(1)
        } else {
            0
        };
        let sent_at = Instant::now();
        let responses = self.hand_over(connection, io, pipeline, count);
        if let BatchResponse::Ready(Err(_)) = responses {
            return Err(batch);
        }
        self.push(SentBatch {
            responses,
            batch,
            sent_at,
        });
        Ok(())
    }

    fn hand_over(
        &mut self,
        mut connection: MultiplexedConnection,
        io: &ConnectionIo,
        pipeline: Pipeline,
        count: usize,
    ) -> BatchResponse {
        let responses = async move {
            let mut commands = pipeline.cmd_iter();
            match (commands.next(), commands.next()) {
                // The usual batch without contention. It needs no lists of one command and
                // response.
                (Some(command), None) if count == 1 => {
                    let response = connection.send_packed_command(command).await;
                    Ok(vec![response?])
                }
                _ => connection.send_packed_commands(&pipeline, 0, count).await,
            }
        };
        let mut future = match self.spare.take() {
            Some(mut spare) => {
                spare.set(responses);
                spare
            }
            None => ResponseFuture::new(responses),
        };
        // The first poll passes the bytes to the connection, so that batches are sent in order. An
        // exhausted task budget would make that poll do nothing, so it is unconstrained.
        let first_poll = tokio::task::coop::unconstrained(future.get_pin());
        match std::pin::pin!(first_poll).poll(&mut Context::from_waker(io.waker())) {
            Poll::Ready(responses) => BatchResponse::Ready(responses),
            Poll::Pending => BatchResponse::Pending(future),
        }
    }

    /// Returns the requests in flight, in any order.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.batches.iter().flat_map(|sent| sent.batch.requests())
    }

    /// Removes and returns all batches, in order.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Batch> + use<> {
        let batches = std::mem::take(&mut self.batches).into_iter();
        batches.map(|sent| sent.batch)
    }

    /// Waits for the responses to the first batch, and drives the connection meanwhile. Cancel
    /// safe.
    pub(crate) async fn first_responses(
        &mut self,
        io: &mut ConnectionIo,
    ) -> RedisResult<Vec<Value>> {
        loop {
            if !self.is_first_polled
                && let Some(first) = self.batches.front_mut()
            {
                self.is_first_polled = true;
                let mut context = Context::from_waker(io.waker());
                if let Poll::Ready(responses) = first.responses.poll(&mut context) {
                    return responses;
                }
            }
            io.drive().await;
            self.is_first_polled = false;
        }
    }
}

impl BatchResponse {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<RedisResult<Vec<Value>>> {
        match self {
            Self::Pending(future) => future.poll(cx),
            Self::Ready(responses) => Poll::Ready(std::mem::replace(responses, Ok(Vec::new()))),
        }
    }
}

/// The maximum number of batches in flight. It is below what the client library queues for a
/// connection, so that passing a batch on never waits.
const MAX_IN_FLIGHT: usize = 32;

/// The number of batches of one command in a row after which batches no longer wait for more.
const MAX_LONE_BATCHES: u32 = 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::node::redis::protocol::counter_ttl::CounterTtls;
    use crate::node::redis::protocol::dialect::Dialect;

    fn sent(responses: BatchResponse) -> SentBatch {
        let (batch, ..) = Batch::take_from(
            &mut VecDeque::new(),
            &mut CounterTtls::default(),
            Dialect::default(),
            None,
        );
        SentBatch {
            responses,
            batch,
            sent_at: Instant::now(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn responses_are_found_in_the_order_of_the_batches() {
        let (mut in_flight, mut io) = (InFlight::default(), ConnectionIo::external());
        // The first call returns at once. Later ones wait, because nothing wakes this connection.
        io.drive().await;
        let pending = std::future::ready(Ok(vec![Value::Int(2)]));
        let pending = BatchResponse::Pending(ResponseFuture::new(pending));
        in_flight.push(sent(BatchResponse::Ready(Ok(vec![Value::Int(1)]))));
        in_flight.push(sent(pending));
        for expected in [1, 2] {
            let first = in_flight.first_responses(&mut io);
            let responses = tokio::time::timeout(Duration::from_secs(1), first).await;
            assert_eq!(responses.unwrap().unwrap(), [Value::Int(expected)]);
            drop(in_flight.pop());
        }
        let first = in_flight.first_responses(&mut io);
        let responses = tokio::time::timeout(Duration::from_secs(1), first).await;
        assert!(responses.is_err(), "no batch is in flight");
    }
}
