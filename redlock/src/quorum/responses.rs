//! Asking every node one question and waiting for as many answers as it takes.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind, NodeFailure};
use crate::node::{NodeResult, Responder, ResponseSink};
use crate::sync::Condition;

/// The answers to one question, by node.
pub(crate) type NodeResults<T> = Vec<Option<NodeResult<T>>>;

/// Collects the answers to one question.
pub(crate) struct Responses<T> {
    /// With fewer answers nothing can be certain, so nobody is woken.
    least: usize,
    state: Condition<State<T>>,
}

struct State<T> {
    results: NodeResults<T>,
    responded: usize,
}

impl<T: Clone + Send + 'static> Responses<T> {
    /// A place for the answers of `nodes` nodes.
    pub(crate) fn new(nodes: usize) -> Arc<Self> {
        Self::of_at_least(0, nodes)
    }

    /// A place for the answers of `nodes` nodes, of which it takes at least so many for whoever
    /// waits to learn anything.
    pub(crate) fn of_at_least(least: usize, nodes: usize) -> Arc<Self> {
        let results = std::iter::repeat_with(|| None).take(nodes).collect();
        Arc::new(Self {
            least,
            state: Condition::new(State {
                results,
                responded: 0,
            }),
        })
    }

    /// Where the answer of the node at position `node` goes.
    pub(crate) fn responder(self: &Arc<Self>, node: usize) -> Responder<T> {
        Responder::new(Arc::<Self>::clone(self), node)
    }

    /// Waits until the answers are `enough`, at most for `timeout`, and returns what is there.
    ///
    /// Cancel safe: the answers stay, and come in without anybody waiting.
    pub(crate) async fn until(
        &self,
        timeout: Duration,
        enough: impl Fn(&NodeResults<T>) -> bool,
    ) -> NodeResults<T> {
        let waiting = self.state.until(|state| enough(&state.results));
        // Out of time, or enough: what is there is the answer.
        let _elapsed = tokio::time::timeout(timeout, waiting).await;
        self.state.lock().results.clone()
    }
}

impl<T: Clone + Send + 'static> ResponseSink<T> for Responses<T> {
    fn on_response(&self, node: usize, result: NodeResult<T>) {
        let mut state = self.state.lock();
        state.results[node] = Some(result);
        state.responded += 1;
        if state.responded >= self.least {
            state.notify();
        }
    }
}

/// Whether every node has answered.
pub(crate) fn all<T>(results: &NodeResults<T>) -> bool {
    results.iter().all(Option::is_some)
}

/// The nodes that failed, those that were silent included.
pub(crate) fn failures<T>(results: &NodeResults<T>, names: &[Arc<str>]) -> Arc<[NodeFailure]> {
    let silent = || NodeError::new(NodeErrorKind::Timeout, "");
    results
        .iter()
        .zip(names)
        .filter_map(|(result, name)| {
            let error = match result {
                Some(Ok(_)) => return None,
                Some(Err(error)) => error.clone(),
                None => silent(),
            };
            Some(NodeFailure::new(Arc::clone(name), error))
        })
        .collect()
}
