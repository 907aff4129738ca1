//! The replacement of a connection by one that is ready.

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::client::Client;
use crate::node::redis::connect::connector::CONNECT_TIMEOUT;
use crate::node::redis::connect::ready_connection::{FailedHandshake, ReadyConnection};

/// Takes the place of the `previous` connection: stops what it has in flight, over the new one.
///
/// The handshake of the new one has left it alone, because it might still have responded.
pub(crate) async fn replace(
    previous: Option<Client>,
    mut ready: ReadyConnection,
) -> Result<ReadyConnection, FailedHandshake> {
    let Some(previous) = previous else {
        return Ok(ready);
    };
    ready.wire.calls().add_command(&previous.kill());
    let failure = match tokio::time::timeout(CONNECT_TIMEOUT, ready.wire.call()).await {
        Ok(Ok(responses)) => {
            let is_settled = |it| previous.is_settled_by(it, &ready.identity);
            ready.previous_is_settled = responses.first().is_some_and(is_settled);
            return Ok(ready);
        }
        Ok(Err(error)) => error.message().into(),
        Err(_) => format!("no response within {CONNECT_TIMEOUT:?}"),
    };
    Err(NodeError::unsent(NodeErrorKind::Unreachable, failure).into())
}
