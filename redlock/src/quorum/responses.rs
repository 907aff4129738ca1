//! Asking every node one question and waiting for as many answers as it takes.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind, NodeFailure};
use crate::node::{Answer, Ballot, Reply};
use crate::sync::Condition;

/// The answers to one question, by node.
pub(crate) type Answers<T> = Vec<Option<Answer<T>>>;

/// Collects the answers to one question.
pub(crate) struct Gather<T> {
    /// With fewer answers nothing can be certain, so nobody is woken.
    least: usize,
    state: Condition<State<T>>,
}

struct State<T> {
    answers: Answers<T>,
    answered: usize,
}

impl<T: Clone + Send + 'static> Gather<T> {
    /// A place for the answers of `nodes` nodes.
    pub(crate) fn new(nodes: usize) -> Arc<Self> {
        Self::of_at_least(0, nodes)
    }

    /// A place for the answers of `nodes` nodes, of which it takes at least so many for whoever
    /// waits to learn anything.
    pub(crate) fn of_at_least(least: usize, nodes: usize) -> Arc<Self> {
        let answers = std::iter::repeat_with(|| None).take(nodes).collect();
        Arc::new(Self {
            least,
            state: Condition::new(State {
                answers,
                answered: 0,
            }),
        })
    }

    /// Where the answer of the node at position `node` goes.
    pub(crate) fn reply(self: &Arc<Self>, node: usize) -> Reply<T> {
        Reply::new(Arc::<Self>::clone(self), node)
    }

    /// Waits until the answers are `enough`, at most for `timeout`, and returns what is there.
    ///
    /// Cancel safe: the answers stay, and come in without anybody waiting.
    pub(crate) async fn until(
        &self,
        timeout: Duration,
        enough: impl Fn(&Answers<T>) -> bool,
    ) -> Answers<T> {
        let waiting = self.state.until(|state| enough(&state.answers));
        // Out of time, or enough: what is there is the answer.
        let _elapsed = tokio::time::timeout(timeout, waiting).await;
        self.state.lock().answers.clone()
    }
}

impl<T: Clone + Send + 'static> Ballot<T> for Gather<T> {
    fn cast(&self, node: usize, answer: Answer<T>) {
        let mut state = self.state.lock();
        state.answers[node] = Some(answer);
        state.answered += 1;
        if state.answered >= self.least {
            state.notify();
        }
    }
}

/// Whether every node has answered.
pub(crate) fn all<T>(answers: &Answers<T>) -> bool {
    answers.iter().all(Option::is_some)
}

/// The nodes that failed, those that were silent included.
pub(crate) fn failures<T>(answers: &Answers<T>, names: &[Arc<str>]) -> Arc<[NodeFailure]> {
    let silent = || NodeError::new(NodeErrorKind::Timeout, "");
    answers
        .iter()
        .zip(names)
        .filter_map(|(answer, name)| {
            let error = match answer {
                Some(Ok(_)) => return None,
                Some(Err(error)) => error.clone(),
                None => silent(),
            };
            Some(NodeFailure::new(Arc::clone(name), error))
        })
        .collect()
}
