//! The way an answer goes back to whoever asked.

use std::fmt;
use std::sync::Arc;

use crate::error::NodeError;

/// What a node says to a command.
pub type NodeResult<T> = Result<T, NodeError>;

/// Whoever counts the answers of several nodes to one question.
pub trait ResponseSink<T>: Send + Sync {
    /// Takes the answer of the node at position `node`. Called at most once for each node, on
    /// any thread; must not block.
    fn on_response(&self, node: usize, response: NodeResult<T>);

    /// Whether anybody still wants the command to be carried out. Once this is false it stays so.
    fn is_wanted(&self) -> bool {
        true
    }
}

/// Where the answer to one command goes.
///
/// One ballot serves all nodes of a round, so that asking five nodes allocates nothing five times.
/// A reply that is dropped without an answer stays silent, as a node that hangs would.
pub struct Responder<T> {
    sink: Option<Arc<dyn ResponseSink<T>>>,
    node: usize,
}

impl<T: 'static> Responder<T> {
    /// The answer is cast at `ballot` as that of the node at position `node`.
    #[must_use]
    pub fn new(sink: Arc<dyn ResponseSink<T>>, node: usize) -> Self {
        Self {
            sink: Some(sink),
            node,
        }
    }

    /// Nobody waits for the answer.
    #[must_use]
    pub fn ignored() -> Self {
        Self {
            sink: None,
            node: 0,
        }
    }

    /// The answer goes to `call`. For nodes that wrap another node.
    #[must_use]
    pub fn from_fn(call: impl Fn(NodeResult<T>) + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(Call(call)), 0)
    }

    /// Gives the answer.
    pub fn send(self, response: NodeResult<T>) {
        if let Some(sink) = self.sink {
            sink.on_response(self.node, response);
        }
    }

    /// Whether anybody still wants the command to be carried out.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.sink.as_ref().is_none_or(|sink| sink.is_wanted())
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
