//! A socket of ours, as a channel for batches of commands.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use deadpool_redis::redis::{PushInfo, PushKind, RedisError, ServerError, Value};

use crate::error::NodeError;
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::invalidation::Invalidations;
use crate::node::redis::wire::gate::Gate;
use crate::node::redis::wire::input::Input;
use crate::node::redis::wire::socket::Socket;
use crate::node::redis::wire::unsent::Unsent;

/// A socket over which batches of commands leave, and their responses arrive.
///
/// ```text
/// calls     ┃ batch 7, half written ┃ batch 8 ┃ batch 9, being added
///                     └ written               └ sent
/// expected  the number of responses to batches 5, 6, 7 and 8
/// values    the responses to batch 5 that have arrived
/// ```
///
/// A batch of which no byte was written when the connection ends is unsent. What has become of any other
/// is unknown until all its responses are there.
pub(crate) struct Channel {
    socket: Socket,
    /// Receives what the server pushes, if it can push.
    pushes: Option<Invalidations>,
    calls: Calls,
    /// The number of bytes in `calls` that are written.
    written: usize,
    /// The number of bytes in `calls` that belong to batches that were sent.
    sent: usize,
    /// The number of responses to each batch.
    expected: VecDeque<usize>,
    input: Input,
    values: Vec<Value>,
    /// Is open unless the socket is waited for.
    gate: Gate,
    /// The error that the server sent last, if nothing has followed it.
    last_words: Option<ServerError>,
    /// The error of a write. What has arrived is read before the connection ends.
    failed: Option<io::Error>,
    /// The error with which the connection has ended.
    end: Option<NodeError>,
}

impl Channel {
    pub(crate) fn new(socket: Socket, pushes: Option<Invalidations>) -> Self {
        Self {
            socket,
            pushes,
            calls: Calls::packed(),
            written: 0,
            sent: 0,
            expected: VecDeque::new(),
            input: Input::default(),
            values: Vec::new(),
            gate: Gate::default(),
            last_words: None,
            failed: None,
            end: None,
        }
    }

    /// Prepares for the time after the runtime: see [`Socket::without_runtime`].
    pub(super) fn without_runtime(mut self) -> io::Result<Self> {
        // A panic may have ended the session in the middle of a command.
        self.calls.bytes().truncate(self.sent);
        let _not_sent = self.calls.take_count();
        Ok(Self {
            socket: self.socket.without_runtime()?,
            ..self
        })
    }

    pub(super) fn calls(&mut self) -> &mut Calls {
        &mut self.calls
    }

    /// Sends the added commands as one batch. Never blocks.
    pub(super) fn send(&mut self) -> Result<(), Unsent> {
        let count = self.calls.take_count();
        // Also if others wait ahead of it: without a runtime, nothing else writes them.
        if self.failed.is_none() && self.end.is_none() {
            self.write();
        }
        let has_ended = self.failed.is_some() || self.end.is_some();
        if has_ended && self.written <= self.sent {
            let sent = self.sent;
            self.calls.bytes().truncate(sent);
            return Err(Unsent);
        }
        self.expected.push_back(count);
        self.sent = self.calls.bytes().len();
        self.clear_written();
        if self.written < self.sent || has_ended {
            // The rest is written behind it, or the end is found there.
            self.gate.open();
        }
        Ok(())
    }

    /// Writes what the socket takes at once.
    fn write(&mut self) {
        let bytes = self.calls.bytes();
        while self.written < bytes.len() {
            match self.socket.try_write(&bytes[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.last_words = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    return;
                }
            }
        }
    }

    /// Discards what is written. If the socket never takes everything, that is done only once it is
    /// much: the rest is moved.
    fn clear_written(&mut self) {
        let (bytes, written) = (self.calls.bytes(), self.written);
        if written == bytes.len() {
            bytes.clear();
            bytes.shrink_to(MAX_KEPT);
            (self.written, self.sent) = (0, 0);
        } else if written > MAX_KEPT.max(bytes.len() / 2) {
            bytes.drain(..written);
            (self.written, self.sent) = (0, self.sent - written);
        }
    }

    /// Waits for all responses to the first batch, or for the end of the connection. Without a batch,
    /// handles pushes and is never ready: the end shows when the next batch is sent.
    pub(super) fn poll_responses(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<Value>, NodeError>> {
        if self.gate.is_closed(cx) {
            return Poll::Pending;
        }
        let mut gate = std::mem::take(&mut self.gate);
        let polled = gate.poll(cx, |cx| self.poll_socket(cx));
        self.gate = gate;
        polled
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Value>, NodeError>> {
        loop {
            if let Some(values) = self.read_values() {
                return Poll::Ready(Ok(values));
            }
            if let Some(end) = &self.end {
                return match self.expected.is_empty() {
                    true => Poll::Pending,
                    false => Poll::Ready(Err(end.clone())),
                };
            }
            self.poll_write(cx);
            let read = self.socket.poll_read(cx, self.input.room());
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => self.end_with(io::ErrorKind::BrokenPipe.into()),
                Poll::Ready(Ok(count)) => self.input.add(count),
                Poll::Ready(Err(error)) => self.end_with(error),
            }
        }
    }

    /// Writes batches that wait for the socket.
    fn poll_write(&mut self, cx: &mut Context<'_>) {
        while self.written < self.sent && self.failed.is_none() {
            match self.socket.poll_write_ready(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => self.write(),
                Poll::Ready(Err(error)) => self.failed = Some(error),
            }
        }
        self.clear_written();
    }

    /// Reads the values that have arrived. Returns those of the first batch once they are complete.
    fn read_values(&mut self) -> Option<Vec<Value>> {
        while self.end.is_none() {
            if let Some(pushes) = &self.pushes
                && self.input.take_invalidation(|key| pushes.on_changed(key))
            {
                continue;
            }
            match self.input.next() {
                Ok(Some(value)) => self.on_value(value),
                Ok(None) => return None,
                Err(error) => self.end_as(error::of_command(&error)),
            }
            if self.expected.front() == Some(&self.values.len()) {
                self.expected.pop_front();
                return Some(std::mem::take(&mut self.values));
            }
        }
        None
    }

    fn on_value(&mut self, value: Value) {
        let value = match value {
            Value::Push { kind, data } => match self.unless_push(kind, data) {
                Some(response) => response,
                None => return,
            },
            value => value,
        };
        self.last_words = match &value {
            Value::ServerError(error) => Some(error.clone()),
            _ => None,
        };
        // A value that was not requested is ignored.
        if let Some(count) = self.expected.front() {
            if self.values.is_empty() {
                self.values.reserve(*count);
            }
            self.values.push(value);
        }
    }

    /// Takes the memory of responses that were read, for the next ones.
    pub(super) fn recycle(&mut self, mut values: Vec<Value>) {
        values.clear();
        if self.values.capacity() == 0 && values.capacity() <= MAX_VALUES {
            self.values = values;
        }
    }

    /// Passes on what the server pushes. Returns the value if it is a response: in RESP3, that to a
    /// subscription is a push, too.
    fn unless_push(&self, kind: PushKind, data: Vec<Value>) -> Option<Value> {
        let push = PushInfo { kind, data };
        if let Some(pushes) = &self.pushes {
            pushes.on_push(&push);
        }
        let is_response = matches!(
            push.kind,
            PushKind::Subscribe
                | PushKind::Unsubscribe
                | PushKind::PSubscribe
                | PushKind::PUnsubscribe
                | PushKind::SSubscribe
                | PushKind::SUnsubscribe
        );
        let PushInfo { kind, data } = push;
        is_response.then_some(Value::Push { kind, data })
    }

    /// Ends the connection with an error of the socket, or of a write before it.
    fn end_with(&mut self, error: io::Error) {
        let error = self.failed.take().unwrap_or(error);
        let cause = error::of_command(&RedisError::from(error));
        let cause = match &self.last_words {
            Some(words) => error::with_last_words(&cause, words),
            None => cause,
        };
        self.end_as(cause);
    }

    fn end_as(&mut self, cause: NodeError) {
        self.end = Some(cause);
        if let Some(pushes) = &self.pushes {
            // Pushes are lost from now on.
            pushes.on_push(&PushInfo {
                kind: PushKind::Disconnection,
                data: Vec::new(),
            });
        }
    }
}

/// The maximum room that is kept for the responses to the next batch.
const MAX_VALUES: usize = 512;

/// The maximum room that is kept for the next batches.
const MAX_KEPT: usize = 64 * 1024;

#[cfg(test)]
mod tests;
