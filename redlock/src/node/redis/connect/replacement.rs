//! The replacement of a connection by one that is ready.

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::client::Client;
use crate::node::redis::connect::connector::CONNECT_TIMEOUT;
use crate::node::redis::connect::handshake::ReadyConnection;

/// Takes the place of the `previous` connection: stops what it has in flight, over the new one.
///
/// The handshake of the new one has left it alone, because it might still have responded.
pub(crate) async fn replace(
    previous: Option<Client>,
    mut ready: ReadyConnection,
) -> Result<ReadyConnection, NodeError> {
    let Some(previous) = previous else {
        return Ok(ready);
    };
    let (kill, mut connection) = (previous.kill(), ready.connection.clone());
    let killing = ready.io.drive_with(connection.send_packed_command(&kill));
    let failure = match tokio::time::timeout(CONNECT_TIMEOUT, killing).await {
        Ok(Ok(response)) => {
            ready.previous_is_settled = previous.is_settled_by(&response, &ready.identity);
            return Ok(ready);
        }
        Ok(Err(error)) => ready.io.explain(&error).message().into(),
        Err(_) => format!("no response within {CONNECT_TIMEOUT:?}"),
    };
    Err(NodeError::unsent(NodeErrorKind::Unreachable, failure))
}
