//! A contender that waits for other processes, and the signals that end its wait.
//!
//! A node that refuses the contender adds it to its waiting list. A release at that node hints the
//! first of the list. The contender sends its next round once a quorum of nodes has hinted it:
//!
//! ```text
//! node 1    busy, 2 ahead of it                       hint
//! node 2    busy, 2 ahead of it                          hint     next round
//! node 3    busy, 1 ahead of it          hint                         hint, ignored
//! ```
//!
//! The lists of the nodes may disagree, so the contender does not wait for long after its first hint.
//! A contender near the front also looks at the nodes, because not every release sends a hint.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::node::{NodeResult, ResponseSink, Sight, Vote, Waiter, Watch, Watcher};
use crate::quorum::Quorum;
use crate::sync::Condition;
use crate::time::clock::Moment;
use crate::waiting::signals::{NodeSignals, Sighted, Signal, Signals};

/// A contender between its rounds.
#[derive(Debug)]
pub(crate) struct Wakeup {
    quorum: Quorum,
    began: Moment,
    /// Whether it was ever added to a waiting list. Without that, grants change nothing here.
    was_listed: AtomicBool,
    state: Condition<Signals>,
}

/// The receiver of what looks see. It counts only until the next round: a key that was free before has
/// refused the contender since.
#[derive(Debug)]
pub(crate) struct Sights {
    wakeup: Arc<Wakeup>,
    round: u32,
}

impl Wakeup {
    /// Creates a contender that began to wait at `began`. A quorum of nodes makes it its turn.
    pub(crate) fn new(quorum: Quorum, began: Moment) -> Arc<Self> {
        Arc::new(Self {
            quorum,
            began,
            was_listed: AtomicBool::new(false),
            state: Condition::new(Signals::default()),
        })
    }

    /// Returns the watch for the node at position `node`. It ends with this contender.
    pub(crate) fn watch(self: &Arc<Self>, node: usize) -> Watch {
        Watch::new(self, node)
    }

    /// Returns the contender as a node's waiting list knows it at `now`.
    pub(crate) fn waiter(self: &Arc<Self>, node: usize, now: Moment) -> Waiter {
        let waited = now.saturating_since(self.began);
        Waiter::new(self.watch(node), waited)
    }

    /// Forgets all signals, before a new round.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.rank = None;
        state.ends = None;
        state.is_end_new = false;
        state.round = state.round.wrapping_add(1);
        for node in &mut state.nodes {
            *node = NodeSignals {
                is_listed: node.is_listed,
                is_asked: true,
                ..NodeSignals::default()
            };
        }
    }

    /// Records a node's vote. Returns whether the contender must leave that node's waiting list,
    /// because its wait is over.
    pub(crate) fn on_vote(&self, node: usize, vote: &NodeResult<Vote>) -> bool {
        let is_refused = matches!(vote, Ok(Vote::Busy { .. }) | Err(_));
        if !is_refused && !self.was_listed.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.state.lock();
        if let Some(node) = state.nodes.get_mut(node) {
            node.is_asked = false;
        }
        if matches!(vote, Ok(Vote::Busy { .. })) {
            state.node(node, self.quorum).is_busy = true;
        }
        let is_listed = match vote {
            Ok(Vote::Busy { rank, .. }) => rank.is_some(),
            Ok(_) => state.nodes.get(node).is_some_and(|node| node.is_requeued),
            Err(error) => state.is_listed(node) || error.is_sent(),
        };
        if is_listed {
            self.was_listed.store(true, Ordering::Relaxed);
        } else if !state.is_listed(node) {
            return false;
        }
        state.node(node, self.quorum).is_listed = is_listed;
        if let Ok(Vote::Busy { rank, .. }) = vote {
            state.rank = state.rank.into_iter().chain(*rank).min();
        }
        is_listed && state.is_over
    }

    /// Returns the contender as it joins a node's waiting list with the release of a lost round;
    /// `None` once its wait is over.
    pub(crate) fn requeued(self: &Arc<Self>, node: usize) -> Option<Waiter> {
        {
            let mut state = self.state.lock();
            if state.is_over {
                return None;
            }
            let node = state.node(node, self.quorum);
            (node.is_listed, node.is_requeued) = (true, true);
        }
        self.was_listed.store(true, Ordering::Relaxed);
        Some(self.waiter(node, Moment::now()))
    }

    /// Ends the wait. Returns the nodes whose waiting lists the contender must leave. A node that owes
    /// its vote is not one of them: see [`on_vote`](Self::on_vote).
    pub(crate) fn finish(&self) -> Vec<usize> {
        let mut state = self.state.lock();
        state.is_over = true;
        let nodes = state.nodes.iter().enumerate();
        let listed = nodes.filter(|(_, node)| node.is_listed && !node.is_asked);
        listed.map(|(index, _)| index).collect()
    }

    /// The smallest number of waiters ahead of it; `None` if it is on no list.
    pub(crate) fn rank(&self) -> Option<u32> {
        self.state.lock().rank
    }

    /// The nodes where a key was in its way in the last round.
    pub(crate) fn busy_nodes(&self) -> Vec<usize> {
        let state = self.state.lock();
        let nodes = state.nodes.iter().enumerate();
        let busy = nodes.filter(|(_, node)| node.is_busy);
        busy.map(|(index, _)| index).collect()
    }

    /// Records that looks are sent to these nodes. Returns the receiver of what they see.
    pub(crate) fn sights(self: &Arc<Self>, nodes: &[usize]) -> Arc<Sights> {
        let mut state = self.state.lock();
        for node in nodes {
            state.node(*node, self.quorum).sight = Sighted::Due;
        }
        Arc::new(Sights {
            wakeup: Arc::clone(self),
            round: state.round,
        })
    }

    /// The end of the holder's lease, as the looks since the last round have seen it.
    pub(crate) fn ends(&self) -> Option<Moment> {
        self.state.lock().ends
    }

    /// Waits for the next signal. A minority of hints becomes a turn after `patience`.
    ///
    /// Cancel safe: no hint is lost.
    pub(crate) async fn signal(&self, patience: Duration) -> Signal {
        let is_certain = |state: &Signals| state.certain_signal(self.quorum).is_some();
        self.state
            .until(|state| is_certain(state) || state.has_hint())
            .await;
        if self.state.lock().has_hint() {
            let end = Instant::now() + patience;
            let _elapsed = tokio::time::timeout_at(end, self.state.until(is_certain)).await;
        }
        let mut state = self.state.lock();
        let signal = state
            .certain_signal(self.quorum)
            .unwrap_or(Signal::EarlyTurn);
        state.taken(&signal);
        signal
    }

    /// Changes what is known about a node, and wakes the contender.
    fn update(&self, node: usize, change: impl FnOnce(&mut NodeSignals)) {
        let mut state = self.state.lock();
        change(state.node(node, self.quorum));
        state.notify();
    }
}

impl Watcher for Wakeup {
    fn key_changed(&self, node: usize) {
        self.update(node, |node| {
            // Without a look since the last round, the notification is older than that round. The key
            // may be kept for another waiter.
            let is_old = node.is_busy && node.sight == Sighted::Never;
            node.has_changed |= !is_old;
        });
    }

    fn hinted(&self, node: usize) {
        self.update(node, |node| node.is_hinted = true);
    }
}

impl ResponseSink<Sight> for Sights {
    fn on_response(&self, node: usize, response: NodeResult<Sight>) {
        let Ok(sight) = response else {
            return;
        };
        let quorum = self.wakeup.quorum;
        let mut state = self.wakeup.state.lock();
        if state.round != self.round {
            return;
        }
        match sight {
            Sight::Free => state.node(node, quorum).sight = Sighted::Free,
            Sight::Held { remaining } => {
                state.node(node, quorum).sight = Sighted::Held;
                let ends = remaining.and_then(|left| Moment::now().checked_add(left));
                if ends > state.ends {
                    state.ends = ends;
                    state.is_end_new = true;
                }
            }
        }
        state.notify();
    }

    fn is_wanted(&self) -> bool {
        let state = self.wakeup.state.lock();
        !state.is_over && state.round == self.round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(wakeup: &Wakeup) -> Option<Signal> {
        wakeup.state.lock().certain_signal(wakeup.quorum)
    }

    #[test]
    fn a_grant_before_the_release_of_a_lost_round_leaves_the_contender_listed() {
        let granted = Ok(Vote::Granted { stamp: None });
        let wakeup = Wakeup::new(Quorum::of(1), Moment::now());
        for is_later_round in [false, true] {
            wakeup.clear();
            assert!(wakeup.requeued(0).is_some());
            assert!(!wakeup.on_vote(0, &granted), "later: {is_later_round}");
            assert!(wakeup.state.lock().is_listed(0), "later: {is_later_round}");
        }
        wakeup.clear();
        assert!(wakeup.requeued(0).is_some());
        assert_eq!(wakeup.finish(), [], "the vote is still to come");
        assert!(wakeup.on_vote(0, &granted), "the release has listed it");
    }

    #[test]
    fn a_grant_takes_the_contender_off_the_list() {
        let wakeup = Wakeup::new(Quorum::of(1), Moment::now());
        assert!(wakeup.requeued(0).is_some());
        wakeup.clear();
        assert!(!wakeup.on_vote(0, &Ok(Vote::Granted { stamp: None })));
        assert_eq!(wakeup.finish(), []);
    }

    #[test]
    fn a_look_from_before_the_round_does_not_count() {
        let wakeup = Wakeup::new(Quorum::of(1), Moment::now());
        let sights = wakeup.sights(&[0]);
        wakeup.clear();
        assert!(!sights.is_wanted());
        sights.on_response(0, Ok(Sight::Free));
        assert_eq!(signal(&wakeup), None);
        let sights = wakeup.sights(&[0]);
        assert!(sights.is_wanted());
        sights.on_response(0, Ok(Sight::Free));
        assert_eq!(signal(&wakeup), Some(Signal::Turn));
    }
}
