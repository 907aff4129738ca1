//! A batch on its way to the server, and its answers on their way back.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Pipeline, RedisResult, Value};
use tokio::time::Instant;

use super::batch::Batch;

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

impl Answers {
    /// Hands a batch over to the connection.
    pub(super) fn of(
        mut connection: MultiplexedConnection,
        pipeline: Pipeline,
        count: usize,
    ) -> Self {
        let mut awaited: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { connection.send_packed_commands(&pipeline, 0, count).await });
        // The first poll hands the bytes over, so that batches leave in order. Outside the task's
        // budget, which must not make it an empty gesture. The waker comes with the next poll.
        let first = tokio::task::coop::unconstrained(awaited.as_mut());
        match std::pin::pin!(first).poll(&mut Context::from_waker(Waker::noop())) {
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

/// The answers to the batch that was sent first. Answers come in the order of the batches.
pub(super) async fn first(flights: &mut VecDeque<Flight>) -> RedisResult<Vec<Value>> {
    poll_fn(|cx| match flights.front_mut() {
        Some(flight) => flight.answers.poll(cx),
        None => Poll::Pending,
    })
    .await
}
