//! Commands to one node, past the quorum and the identity record.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redlock::node::{Command, Responder, Session};
use redlock::{NodeError, NodeErrorKind};
use tokio::sync::oneshot;

/// Sends a command to a node, and waits for its response.
pub(super) async fn ask<T: Send + 'static>(
    session: &Arc<dyn Session>,
    limit: Duration,
    command: impl FnOnce(Responder<T>) -> Command,
) -> Result<T, NodeError> {
    let (sender, receiver) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let responder = Responder::from_fn(move |response| {
        let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.take() {
            // The receiver may have given up.
            let _unheard = sender.send(response);
        }
    });
    session.submit(command(responder));
    match tokio::time::timeout(limit, receiver).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Err(NodeError::new(
            NodeErrorKind::Closed,
            "the node dropped the command",
        )),
        Err(_) => {
            let text = format!("no response within {limit:?}");
            Err(NodeError::new(NodeErrorKind::Timeout, text))
        }
    }
}
