//! A connection as a session uses it: commands leave in order, and responses arrive in their order.
//!
//! Over a plain socket, [`Channel`] packs the commands of a batch into one buffer, writes them, and reads
//! the responses. Nothing else stands between the session's task and the socket, so a round trip costs one
//! system call in each direction and wakes one task once. TLS, and connections from a pool of the
//! application, stay with the client library.

pub(crate) mod channel;
mod frame;
mod gate;
mod input;
pub(crate) mod library;
mod scalar;
pub(crate) mod socket;
pub(crate) mod unsent;

use std::future::poll_fn;
use std::task::{Context, Poll};

use deadpool_redis::redis::Value;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::wire::channel::Channel;
use crate::node::redis::wire::library::LibraryConnection;
use crate::node::redis::wire::unsent::Unsent;

/// A connection to a server.
pub(crate) enum Wire {
    /// A socket of ours.
    Channel(Box<Channel>),
    /// A connection of the client library, which has a task of its own.
    Library(Box<LibraryConnection>),
}

impl Wire {
    /// Prepares for the time after the runtime, in which responses are no longer read. Returns `None` if
    /// nothing can be sent then.
    pub(crate) fn without_runtime(self) -> Option<Self> {
        match self {
            Self::Channel(channel) => {
                let channel = channel.without_runtime().ok()?;
                Some(Self::Channel(Box::new(channel)))
            }
            library @ Self::Library(_) => Some(library),
        }
    }

    /// The commands to send next. The caller adds to them.
    pub(crate) fn calls(&mut self) -> &mut Calls {
        match self {
            Self::Channel(channel) => channel.calls(),
            Self::Library(library) => library.calls(),
        }
    }

    /// Sends the added commands as one batch. Never blocks: what the socket does not take is written
    /// while responses are awaited.
    pub(crate) fn send(&mut self) -> Result<(), Unsent> {
        match self {
            Self::Channel(channel) => channel.send(),
            Self::Library(library) => library.send(),
        }
    }

    /// Waits for all responses to the first batch, or for the end of the connection. Handles pushes
    /// meanwhile. Without a batch, waits for ever.
    pub(crate) fn poll_responses(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<Value>, NodeError>> {
        match self {
            Self::Channel(channel) => channel.poll_responses(cx),
            Self::Library(library) => library.poll_responses(cx),
        }
    }

    /// Takes the memory of responses that were read.
    pub(crate) fn recycle(&mut self, values: Vec<Value>) {
        if let Self::Channel(channel) = self {
            channel.recycle(values);
        }
    }

    /// Sends the added commands and waits for their responses. No other batch may be in flight.
    pub(crate) async fn call(&mut self) -> Result<Vec<Value>, NodeError> {
        match self.send() {
            Ok(()) => poll_fn(|cx| self.poll_responses(cx)).await,
            Err(Unsent) => Err(NodeError::unsent(
                NodeErrorKind::Disconnected,
                "the connection has ended",
            )),
        }
    }
}
