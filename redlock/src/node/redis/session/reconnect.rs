//! The connection of a session: made in the background, lost, and made again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;

use crate::error::NodeError;
use crate::node::redis::connect::client::Client;
use crate::node::redis::connect::handshake;
use crate::node::redis::connect::handshake::ReadyConnection;
use crate::node::redis::connect::io::ConnectionIo;
use crate::node::redis::session::server::Server;
use crate::time::jitter::{Jitter, reconnect_delay};

/// The connection of a session, or the attempt to make one.
pub(crate) struct Connection {
    server: Arc<Server>,
    pub(crate) state: State,
    /// How the server calls the last connection.
    client: Option<Client>,
    /// How many attempts to connect have failed in a row.
    attempts: u32,
    jitter: Jitter,
}

pub(crate) enum State {
    Up(MultiplexedConnection, ConnectionIo),
    Down {
        /// Why commands fail meanwhile; without a cause yet they wait for the outcome.
        cause: Option<NodeError>,
        connecting: Connecting,
    },
}

pub(crate) type Connecting =
    Pin<Box<dyn Future<Output = Result<ReadyConnection, NodeError>> + Send>>;

impl Connection {
    /// Starts to connect.
    pub(crate) fn open(server: Arc<Server>) -> Self {
        Self {
            state: State::connecting(&server, None, None, Duration::ZERO),
            server,
            client: None,
            attempts: 0,
            jitter: Jitter::new(None),
        }
    }

    /// Why commands fail, if they do.
    pub(crate) fn cause(&self) -> Option<&NodeError> {
        match &self.state {
            State::Down { cause, .. } => cause.as_ref(),
            State::Up(..) => None,
        }
    }

    /// The connection is made.
    pub(crate) fn up(
        &mut self,
        connection: MultiplexedConnection,
        io: ConnectionIo,
        client: Option<Client>,
    ) {
        self.attempts = 0;
        self.client = client;
        self.state = State::Up(connection, io);
    }

    /// The connection could not be made; the next attempt comes later each time. Says whether this
    /// was the first in a row.
    pub(crate) fn failed(&mut self, cause: NodeError) -> bool {
        let is_first = self.attempts == 0;
        self.attempts = self.attempts.saturating_add(1);
        let delay = self.jitter.before(reconnect_delay(self.attempts));
        self.reconnect(Some(cause), delay);
        is_first
    }

    /// The connection has ended.
    pub(crate) fn lost(&mut self, cause: NodeError) {
        let delay = self.jitter.up_to(reconnect_delay(0));
        self.reconnect(Some(cause), delay);
    }

    /// The connection had ended while it was idle: it is made again at once, and what there is to
    /// send waits for the outcome.
    pub(crate) fn renew(&mut self) {
        self.reconnect(None, Duration::ZERO);
    }

    fn reconnect(&mut self, cause: Option<NodeError>, delay: Duration) {
        self.state = State::connecting(&self.server, cause, self.client.clone(), delay);
    }
}

impl State {
    fn connecting(
        server: &Arc<Server>,
        cause: Option<NodeError>,
        previous: Option<Client>,
        delay: Duration,
    ) -> Self {
        let server = Arc::clone(server);
        Self::Down {
            cause,
            connecting: Box::pin(async move {
                handshake::connect(server.connector(), previous, delay).await
            }),
        }
    }
}
