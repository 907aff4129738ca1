//! The path of a response from a node back to its caller.

use std::fmt;
use std::sync::Arc;

use crate::error::NodeError;

/// The result of a command at one node.
pub type NodeResult<T> = Result<T, NodeError>;

/// A receiver of the responses of several nodes to one request.
pub trait ResponseSink<T>: Send + Sync {
    /// Receives the response of the node at position `node`.
    ///
    /// Called at most once for each node, on any thread. Must not block.
    fn on_response(&self, node: usize, response: NodeResult<T>);

    /// Called when the responder of the node at position `node` was dropped without a response: none
    /// will come. Must not block.
    fn on_dropped(&self, _node: usize) {}

    /// Whether the command should still be carried out. Once false, this stays false.
    fn is_wanted(&self) -> bool {
        true
    }
}

/// The sender of the response to one command.
///
/// All nodes of a round share one sink, so a request to five nodes allocates it once. A responder
/// that is dropped sends nothing, as a node that hangs does.
pub struct Responder<T> {
    sink: Option<Arc<dyn ResponseSink<T>>>,
    node: usize,
}

impl<T: 'static> Responder<T> {
    /// Creates a responder that sends to `sink` as the node at position `node`.
    #[must_use]
    pub fn new(sink: Arc<dyn ResponseSink<T>>, node: usize) -> Self {
        Self {
            sink: Some(sink),
            node,
        }
    }

    /// Creates a responder that discards the response.
    #[must_use]
    pub fn ignored() -> Self {
        Self {
            sink: None,
            node: 0,
        }
    }

    /// Creates a responder that calls `call` with the response. For nodes that wrap another node.
    #[must_use]
    pub fn from_fn(call: impl Fn(NodeResult<T>) + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(Call(call)), 0)
    }

    /// Sends the response.
    pub fn send(mut self, response: NodeResult<T>) {
        if let Some(sink) = self.sink.take() {
            sink.on_response(self.node, response);
        }
    }

    /// The position of the node.
    pub(crate) fn node(&self) -> usize {
        self.node
    }

    /// Whether the command should still be carried out.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.sink.as_ref().is_none_or(|sink| sink.is_wanted())
    }
}

impl<T> Drop for Responder<T> {
    fn drop(&mut self) {
        if let Some(sink) = self.sink.take() {
            sink.on_dropped(self.node);
        }
    }
}

impl<T> fmt::Debug for Responder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

struct Call<F>(F);

impl<T, F: Fn(NodeResult<T>) + Send + Sync> ResponseSink<T> for Call<F> {
    fn on_response(&self, _node: usize, response: NodeResult<T>) {
        (self.0)(response);
    }
}
