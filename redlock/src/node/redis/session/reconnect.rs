//! The connection of a session, and its reconnects in the background.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::Value;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::client::Client;
use crate::node::redis::connect::handshake;
use crate::node::redis::connect::ready_connection::{FailedHandshake, ReadyConnection};
use crate::node::redis::connect::replacement;
use crate::node::redis::session::server::Server;
use crate::node::redis::wire::Wire;
use crate::time::jitter::{Jitter, reconnect_delay};

/// The connection of a session, or an attempt to connect.
pub(crate) struct Connection {
    server: Arc<Server>,
    pub(crate) state: State,
    /// A second connection, in case the first one turns out to be dead: see [`hedge`](Self::hedge).
    pub(crate) second: Option<Connecting>,
    /// The server's name for the last connection.
    client: Option<Client>,
    /// The number of attempts to connect that have failed in a row.
    attempts: u32,
    /// The number of connections in a row that ended because the server is no usable master.
    displaced: u32,
    jitter: Jitter,
}

/// Whether there is a connection.
pub(crate) enum State {
    Up(Wire),
    Down {
        /// The error with which commands fail meanwhile. Without one, they wait for the attempt.
        cause: Option<NodeError>,
        connecting: Connecting,
    },
}

pub(crate) type Connecting =
    Pin<Box<dyn Future<Output = Result<ReadyConnection, FailedHandshake>> + Send>>;

impl Connection {
    /// Starts the first attempt to connect.
    pub(crate) fn open(server: Arc<Server>) -> Self {
        Self {
            state: State::Down {
                cause: None,
                connecting: connecting(&server, None, Duration::ZERO),
            },
            second: None,
            server,
            client: None,
            attempts: 0,
            displaced: 0,
            jitter: Jitter::new(None),
        }
    }

    /// Returns the error with which commands fail, if they do.
    pub(crate) fn cause(&self) -> Option<&NodeError> {
        match &self.state {
            State::Down { cause, .. } => cause.as_ref(),
            State::Up(..) => None,
        }
    }

    /// Takes the connection out. What is left never connects.
    pub(crate) fn take(&mut self) -> State {
        let connecting: Connecting = Box::pin(std::future::pending());
        let down = State::Down {
            cause: None,
            connecting,
        };
        std::mem::replace(&mut self.state, down)
    }

    /// Dials a second connection unless the first one responds within `patience`.
    ///
    /// The new one leaves the old one alone, so that a response may still win.
    pub(crate) fn hedge(&mut self, patience: Duration) {
        self.second = Some(connecting(&self.server, None, patience));
    }

    /// Records that the connection is alive.
    pub(crate) fn on_response(&mut self) {
        self.second = None;
    }

    /// Gives the connection up, and takes the second one in its place.
    pub(crate) fn move_to(&mut self, second: ReadyConnection) {
        self.second = None;
        self.state = State::Down {
            cause: None,
            connecting: Box::pin(replacement::replace(self.client.clone(), second)),
        };
    }

    /// Sets a connection that is ready.
    pub(crate) fn set_up(&mut self, wire: Wire, client: Option<Client>) {
        self.attempts = 0;
        self.client = client;
        self.state = State::Up(wire);
    }

    /// Backs off and connects again after a failed attempt. Returns whether it was the first in a
    /// row.
    ///
    /// A server that loads its data responds, and serves soon: the delay stays the shortest.
    pub(crate) fn retry_after_failure(&mut self, cause: NodeError) -> bool {
        let is_first = self.attempts == 0;
        self.attempts = match cause.kind() {
            NodeErrorKind::Loading => 1,
            _ => self.attempts.saturating_add(1),
        };
        let delay = self.jitter.before(reconnect_delay(self.attempts));
        self.reconnect(Some(cause), delay);
        is_first
    }

    /// Reconnects after a short random delay, because the connection was lost.
    pub(crate) fn reconnect_after_loss(&mut self, cause: NodeError) {
        let delay = self.jitter.up_to(reconnect_delay(0));
        self.reconnect(Some(cause), delay);
    }

    /// Backs off and connects again, because the server behind the connection is no usable master.
    /// The handshake does not always recognise one. Returns whether it was the first in a row.
    pub(crate) fn reconnect_after_displacement(&mut self, cause: NodeError) -> bool {
        let is_first = self.displaced == 0;
        self.displaced = self.displaced.saturating_add(1);
        let delay = self.jitter.before(reconnect_delay(self.displaced));
        self.reconnect(Some(cause), delay);
        is_first
    }

    /// Records that the server carries out commands as a master. `values`: the memory of the responses,
    /// for the next ones.
    pub(crate) fn on_usable(&mut self, values: Vec<Value>) {
        self.displaced = 0;
        if let State::Up(wire) = &mut self.state {
            wire.recycle(values);
        }
    }

    /// Reconnects at once, because the connection had ended while it was idle. Pending requests
    /// wait for the outcome.
    pub(crate) fn reconnect_now(&mut self) {
        self.reconnect(None, Duration::ZERO);
    }

    fn reconnect(&mut self, cause: Option<NodeError>, delay: Duration) {
        self.second = None;
        self.state = State::Down {
            cause,
            connecting: connecting(&self.server, self.client.clone(), delay),
        };
    }
}

fn connecting(server: &Arc<Server>, previous: Option<Client>, delay: Duration) -> Connecting {
    let server = Arc::clone(server);
    Box::pin(async move { handshake::connect(server.connector(), previous, delay).await })
}
