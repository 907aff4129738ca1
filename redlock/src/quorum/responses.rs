//! The responses of all nodes to one command.

use std::sync::Arc;

use crate::error::{NodeError, NodeErrorKind, NodeFailure};
use crate::node::{NodeResult, Responder, ResponseSink};
use crate::quorum::per_node::PerNode;
use crate::sync::Condition;
use crate::time::clock::Moment;
use crate::time::deadlines::Deadlines;

/// The results of one command, by node. `None` stands for a node that has not responded.
pub(crate) type NodeResults<T> = [Option<NodeResult<T>>];

/// A collector of the responses to one command that was sent to all nodes.
pub(crate) struct Responses<T> {
    /// With fewer responses nothing is certain, so the waiting task is not woken.
    least: usize,
    state: Condition<State<T>>,
}

struct State<T> {
    results: PerNode<Option<NodeResult<T>>>,
    responded: usize,
    is_finished: bool,
}

impl<T: Clone + Send + 'static> Responses<T> {
    /// Creates a collector for `nodes` nodes.
    pub(crate) fn new(nodes: usize) -> Arc<Self> {
        Self::with_minimum(0, nodes)
    }

    /// Creates a collector for `nodes` nodes that wakes the waiting task only once `least` of them
    /// have responded.
    pub(crate) fn with_minimum(least: usize, nodes: usize) -> Arc<Self> {
        Arc::new(Self::collector(least, nodes))
    }

    /// The same, to be embedded in a receiver that does more with the responses.
    pub(crate) fn collector(least: usize, nodes: usize) -> Self {
        Self {
            least,
            state: Condition::new(State {
                results: PerNode::new(nodes, || None),
                responded: 0,
                is_finished: false,
            }),
        }
    }

    /// Returns the responder for the node at position `node`.
    pub(crate) fn responder(self: &Arc<Self>, node: usize) -> Responder<T> {
        Responder::new(Arc::<Self>::clone(self), node)
    }

    /// Waits until the results are `enough`, at most until `end`, and returns the results so far. In
    /// a runtime without timers, returns them at once.
    ///
    /// Cancel safe: results are kept, and collected even while no task waits.
    pub(crate) async fn until(
        &self,
        deadlines: &Deadlines,
        end: Moment,
        enough: impl Fn(&NodeResults<T>) -> bool,
    ) -> PerNode<Option<NodeResult<T>>> {
        self.wait(deadlines, end, enough).await;
        self.state.lock().results.clone()
    }

    /// The same, without a copy of the results.
    pub(crate) async fn wait(
        &self,
        deadlines: &Deadlines,
        end: Moment,
        enough: impl Fn(&NodeResults<T>) -> bool,
    ) {
        let waiting = self.state.until(|state| enough(&state.results));
        // The caller judges the results, whether they were enough or the time is over.
        let _enough = deadlines.until(end, waiting).await;
    }

    /// Reads the results so far.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&NodeResults<T>) -> R) -> R {
        read(&self.state.lock().results)
    }

    /// Ignores responses from now on. Returns what `read` sees before.
    pub(crate) fn finish<R>(&self, read: impl FnOnce(&NodeResults<T>) -> R) -> R {
        let mut state = self.state.lock();
        state.is_finished = true;
        read(&state.results)
    }
}

impl<T: Clone + Send + 'static> ResponseSink<T> for Responses<T> {
    fn on_response(&self, node: usize, result: NodeResult<T>) {
        let mut state = self.state.lock();
        if state.is_finished {
            return;
        }
        state.results[node] = Some(result);
        state.responded += 1;
        if state.responded >= self.least {
            state.notify();
        }
    }
}

/// Whether every node has responded.
pub(crate) fn all<T>(results: &NodeResults<T>) -> bool {
    results.iter().all(Option::is_some)
}

/// The nodes that failed, including those that did not respond.
pub(crate) fn failures<T>(results: &NodeResults<T>, names: &[Arc<str>]) -> Arc<[NodeFailure]> {
    let timed_out = || NodeError::new(NodeErrorKind::Timeout, "");
    results
        .iter()
        .zip(names)
        .filter_map(|(result, name)| {
            let error = match result {
                Some(Ok(_)) => return None,
                Some(Err(error)) => error.clone(),
                None => timed_out(),
            };
            Some(NodeFailure::new(Arc::clone(name), error))
        })
        .collect()
}
