//! A connection of the client library, as a channel for batches of commands.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{RedisResult, Value};
use tokio::task::coop;
use tokio_util::sync::ReusableBoxFuture;

use crate::error::NodeError;
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::error;
use crate::node::redis::wire::unsent::Unsent;

/// A connection of the client library, which has a task of its own that reads and writes.
pub(crate) struct LibraryConnection {
    connection: MultiplexedConnection,
    calls: Calls,
    /// The responses to the batches in flight.
    responses: VecDeque<ResponseFuture>,
    /// The allocation of a finished future, for the next one. It is larger than what an allocator keeps
    /// at hand.
    spare: Option<ResponseFuture>,
}

type ResponseFuture = ReusableBoxFuture<'static, RedisResult<Vec<Value>>>;

impl LibraryConnection {
    pub(crate) fn new(connection: MultiplexedConnection) -> Self {
        Self {
            connection,
            calls: Calls::listed(),
            responses: VecDeque::new(),
            spare: None,
        }
    }

    pub(super) fn calls(&mut self) -> &mut Calls {
        &mut self.calls
    }

    /// Passes the added commands to the connection as one batch. Never blocks.
    pub(super) fn send(&mut self) -> Result<(), Unsent> {
        let (pipeline, count) = (self.calls.take_pipeline(), self.calls.take_count());
        let mut connection = self.connection.clone();
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
        // exhausted task budget would make that poll do nothing, so it is unconstrained. The caller polls
        // again for the responses.
        let first_poll = pin!(coop::unconstrained(future.get_pin()));
        match first_poll.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(_)) => return Err(Unsent),
            Poll::Ready(responses) => future.set(std::future::ready(responses)),
            Poll::Pending => {}
        }
        self.responses.push_back(future);
        Ok(())
    }

    /// Waits for the responses to the first batch, or for the end of the connection.
    pub(super) fn poll_responses(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<Value>, NodeError>> {
        let Some(first) = self.responses.front_mut() else {
            return Poll::Pending;
        };
        let responses = first.poll(cx);
        if responses.is_ready() {
            self.spare = self.responses.pop_front();
        }
        responses.map_err(|error| error::of_command(&error))
    }
}
