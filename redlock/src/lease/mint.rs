//! The fencing token of a round that was won.

use std::sync::Arc;

use crate::error::{NodeError, NodeErrorKind};
use crate::lease::ActiveLease;
use crate::lease::state::Phase;
use crate::node::{Command, NodeResult, Raise, Raised, Responder, ResponseSink, Stamp};
use crate::quorum::Verdict;
use crate::quorum::responses;
use crate::quorum::responses::Responses;
use crate::quorum::token;
use crate::quorum::token::Choice;
use crate::quorum::vote::VoteState;
use crate::time::clock::Moment;
use crate::token::FencingToken;

impl ActiveLease {
    /// Mints the token of a round that was won with fencing on. If a quorum of grants carries the
    /// same stamp, that is the token. Otherwise the counters behind it are raised first.
    ///
    /// Leaves the lease without a token if that fails by `end`. Cancel safe: dropping the round
    /// ends the lease.
    pub(super) async fn mint(self: &Arc<Self>, end: Moment) {
        // A counter is moved only by the owner of its key, and by the first attempts of other
        // contenders. Two raises are enough unless such an attempt comes in between.
        let mut shown = None;
        for _ in 0..MAX_RAISES {
            match self.choose() {
                None => return,
                Some(Choice::Token(token)) => {
                    let shown = || shown.unwrap_or_else(|| self.shown_counter());
                    self.engine.observe_token(token, shown);
                    self.lock().fencing_token = Some(FencingToken::new(token));
                    return;
                }
                Some(Choice::Raise(token)) => {
                    // The first raise makes a quorum show its own counter.
                    shown.get_or_insert_with(|| self.shown_counter());
                    // Boxed, because it is rare, and part of the future of every request.
                    Box::pin(self.raise(token, end)).await;
                }
                Some(Choice::Exhausted) => return self.fail_exhausted(),
            }
        }
    }

    /// Chooses from the stamps. `None` unless the round is won and lacks a token.
    fn choose(&self) -> Option<Choice> {
        let state = self.lock();
        let is_open = state.phase == Phase::Acquiring
            && self.proposal.is_some()
            && state.fencing_token.is_none()
            && state.tally.verdict() == Verdict::Reached;
        if !is_open {
            return None;
        }
        let needed = state.tally.quorum().needed();
        Some(token::choose(state.tally.stamps(), needed))
    }

    /// The counter that a quorum of the grants shows, 0 without a quorum.
    fn shown_counter(&self) -> u64 {
        let state = self.lock();
        let needed = state.tally.quorum().needed();
        token::shown(state.tally.stamps(), needed).unwrap_or(0)
    }

    /// Raises the counters of all nodes that hold the key and that this round has not moved to
    /// `token`.
    async fn raise(self: &Arc<Self>, token: u64, end: Moment) {
        let Some(retention) = self.fence_retention() else {
            return;
        };
        let nodes: Vec<usize> = {
            let state = self.lock();
            let is_behind = |node: &usize| {
                matches!(state.tally.get(*node), VoteState::Granted(_))
                    && state.tally.stamp(*node) != Some(Stamp::Moved(token))
            };
            (0..state.tally.quorum().nodes())
                .filter(is_behind)
                .collect()
        };
        let sink = Arc::new(Raising {
            lease: Arc::clone(self),
            token,
            responses: Responses::new(nodes.len()),
            nodes,
        });
        for (index, node) in sink.nodes.iter().enumerate() {
            let responder = Responder::new(Arc::<Raising>::clone(&sink), index);
            let (keys, id) = (self.keys.clone(), self.id.clone());
            let raise = Raise::new(keys, id, token, retention, responder);
            self.engine.submit(*node, Command::Raise(raise.into()));
        }
        let is_token = || matches!(self.choose(), Some(Choice::Token(_)));
        let results = sink
            .responses
            .until(self.engine.deadlines(), end, |results| {
                is_token() || responses::all(results)
            })
            .await;
        if !is_token() {
            let silent = results
                .iter()
                .zip(&sink.nodes)
                .filter(|(result, _)| result.is_none());
            for (_, node) in silent {
                self.fail_node(*node, &NodeError::new(NodeErrorKind::Timeout, ""));
            }
        }
    }

    /// Withdraws the vote of a node whose counter could not be raised. It may still hold the key, and
    /// then carries the lease.
    pub(super) fn fail_node(&self, node: usize, error: &NodeError) {
        let mut state = self.lock();
        let error = NodeError::new(error.kind(), error.message());
        state.tally.set(node, VoteState::Failed(error));
    }

    /// Records one node's response to a raise.
    fn raised(self: &Arc<Self>, node: usize, token: u64, result: &NodeResult<Raised>) {
        if let Ok(Raised::Beyond(counter)) = result {
            self.engine.observe_counter(*counter);
        }
        let mut state = self.lock();
        if state.phase != Phase::Acquiring || state.fencing_token.is_some() {
            // The round was decided without this node, which keeps the key until its expiry. Unless
            // it reports that it does not.
            if *result == Ok(Raised::NotHeld) && state.holds.lose(node, self.sent_at, Moment::now())
            {
                let moved = self.update_deadline(&mut state);
                drop(state);
                self.apply_deadline(moved);
            }
            return;
        }
        match result {
            Ok(Raised::Moved) => {
                state.tally.set_stamp(node, Some(Stamp::Moved(token)));
            }
            Ok(Raised::Beyond(counter)) => {
                state.tally.set_stamp(node, Some(Stamp::Beyond(*counter)));
            }
            Ok(Raised::NotHeld) => {
                state.tally.set(node, VoteState::Lost);
                let _counts = state.holds.lose(node, self.sent_at, Moment::now());
            }
            Err(error) => {
                let error = NodeError::new(error.kind(), error.message());
                state.tally.set(node, VoteState::Failed(error));
            }
        }
    }

    fn fail_exhausted(&self) {
        for node in 0..self.engine.quorum().nodes() {
            let holds = matches!(self.lock().tally.get(node), VoteState::Granted(_));
            if holds {
                let text = "it is exhausted, no larger token is left";
                self.fail_node(node, &NodeError::new(NodeErrorKind::Counter, text));
            }
        }
    }
}

/// One raise, sent to the nodes whose counters are behind.
struct Raising {
    lease: Arc<ActiveLease>,
    token: u64,
    /// The nodes, by the position of their responses.
    nodes: Vec<usize>,
    responses: Arc<Responses<Raised>>,
}

impl ResponseSink<Raised> for Raising {
    fn on_response(&self, index: usize, result: NodeResult<Raised>) {
        self.lease.raised(self.nodes[index], self.token, &result);
        self.responses.on_response(index, result);
    }
}

/// The largest number of raises in one round.
const MAX_RAISES: usize = 4;
