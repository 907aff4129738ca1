//! The way an answer goes back to whoever asked.

use std::fmt;
use std::sync::Arc;

use crate::error::NodeError;

/// What a node says to a command.
pub type Answer<T> = Result<T, NodeError>;

/// Whoever counts the answers of several nodes to one question.
pub trait Ballot<T>: Send + Sync {
    /// Takes the answer of the node at position `node`. Called at most once for each node, on
    /// any thread; must not block.
    fn cast(&self, node: usize, answer: Answer<T>);

    /// Whether anybody still wants the command to be carried out. Once this is false it stays so.
    fn is_wanted(&self) -> bool {
        true
    }
}

/// Where the answer to one command goes.
///
/// One ballot serves all nodes of a round, so that asking five nodes allocates nothing five times.
/// A reply that is dropped without an answer stays silent, as a node that hangs would.
pub struct Reply<T> {
    ballot: Option<Arc<dyn Ballot<T>>>,
    node: usize,
}

impl<T: 'static> Reply<T> {
    /// The answer is cast at `ballot` as that of the node at position `node`.
    #[must_use]
    pub fn new(ballot: Arc<dyn Ballot<T>>, node: usize) -> Self {
        Self {
            ballot: Some(ballot),
            node,
        }
    }

    /// Nobody waits for the answer.
    #[must_use]
    pub fn ignored() -> Self {
        Self {
            ballot: None,
            node: 0,
        }
    }

    /// The answer goes to `call`. For nodes that wrap another node.
    #[must_use]
    pub fn call(call: impl Fn(Answer<T>) + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(Call(call)), 0)
    }

    /// Gives the answer.
    pub fn give(self, answer: Answer<T>) {
        if let Some(ballot) = self.ballot {
            ballot.cast(self.node, answer);
        }
    }

    /// Whether anybody still wants the command to be carried out.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.ballot.as_ref().is_none_or(|ballot| ballot.is_wanted())
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

struct Call<F>(F);

impl<T, F: Fn(Answer<T>) + Send + Sync> Ballot<T> for Call<F> {
    fn cast(&self, _node: usize, answer: Answer<T>) {
        (self.0)(answer);
    }
}
