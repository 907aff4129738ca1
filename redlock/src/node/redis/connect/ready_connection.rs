//! The outcome of a handshake: a connection that is ready, or why there is none.

use std::sync::Arc;

use crate::error::NodeError;
use crate::node::Identity;
use crate::node::redis::connect::client::Client;
use crate::node::redis::connect::server_facts::ServerFacts;
use crate::node::redis::protocol::dialect::Dialect;
use crate::node::redis::wire::Wire;

/// A connection that is ready, and facts about its server from the handshake.
pub(crate) struct ReadyConnection {
    pub(crate) wire: Wire,
    /// Whether the server pushes invalidations.
    pub(crate) supports_push: bool,
    /// The server's name for this connection.
    pub(crate) client: Option<Client>,
    /// Whether every command sent over the previous connection was carried out or never will be.
    pub(crate) previous_is_settled: bool,
    pub(crate) identity: Identity,
    pub(crate) dialect: Dialect,
    /// The server's time of day in microseconds, at the handshake.
    pub(crate) time: Option<u64>,
    /// What the server said about itself.
    pub(crate) facts: Arc<ServerFacts>,
}

/// An attempt to connect that has failed.
pub(crate) struct FailedHandshake {
    pub(crate) cause: NodeError,
    /// What the server said about itself, if it responded.
    pub(crate) facts: Option<Arc<ServerFacts>>,
}

impl From<NodeError> for FailedHandshake {
    fn from(cause: NodeError) -> Self {
        Self { cause, facts: None }
    }
}
