//! The votes of one round.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind, NodeFailure};
use crate::node::Stamp;
use crate::quorum::vote::VoteState;
use crate::quorum::{Quorum, Verdict};
use crate::time::clock::Moment;

/// The votes of all nodes on a lease, in the order of the nodes.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Empty once they were [taken](Tally::take).
    ballots: Box<[Ballot]>,
    quorum: Quorum,
    /// The number of pending votes.
    pending: u16,
    /// The number of nodes that granted the lease.
    granted: u16,
}

/// What one node has reported.
#[derive(Debug)]
struct Ballot {
    vote: VoteState,
    /// The counter of the node, as far as it is known.
    stamp: Option<Stamp>,
}

impl Tally {
    /// Creates a tally in which every vote is pending.
    pub(crate) fn pending(quorum: Quorum) -> Self {
        let pending = |_| Ballot {
            vote: VoteState::Pending,
            stamp: None,
        };
        Self {
            ballots: (0..quorum.nodes()).map(pending).collect(),
            quorum,
            pending: quorum.nodes,
            granted: 0,
        }
    }

    /// Takes the votes, once the round is over. Later ones are counted, and change nothing else.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            ballots: std::mem::take(&mut self.ballots),
            ..*self
        }
    }

    pub(crate) fn get(&self, node: usize) -> &VoteState {
        &self.ballots[node].vote
    }

    pub(crate) fn set(&mut self, node: usize, vote: VoteState) {
        let Some(ballot) = self.ballots.get_mut(node) else {
            self.pending = self.pending.saturating_sub(1);
            return;
        };
        let count = |vote: &VoteState| match vote {
            VoteState::Pending => (1, 0),
            VoteState::Granted(_) => (0, 1),
            _ => (0, 0),
        };
        let (before, after) = (count(&ballot.vote), count(&vote));
        ballot.vote = vote;
        self.pending = self.pending + after.0 - before.0;
        self.granted = self.granted + after.1 - before.1;
    }

    /// The counter of a node, as far as it is known.
    pub(crate) fn stamp(&self, node: usize) -> Option<Stamp> {
        self.ballots[node].stamp
    }

    pub(crate) fn set_stamp(&mut self, node: usize, stamp: Option<Stamp>) {
        if let Some(ballot) = self.ballots.get_mut(node) {
            ballot.stamp = stamp;
        }
    }

    /// The counters of the nodes that granted the lease.
    pub(crate) fn stamps(&self) -> impl Iterator<Item = Stamp> + Clone {
        let granted = self.ballots.iter();
        granted
            .filter(|ballot| matches!(ballot.vote, VoteState::Granted(_)))
            // A counter that was not reported may have any value.
            .map(|ballot| ballot.stamp.unwrap_or(Stamp::Beyond(0)))
    }

    pub(crate) fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// The number of nodes that keep a lease alive, even if the acquisition needed more.
    fn majority(&self) -> usize {
        Quorum::of(self.quorum.nodes()).needed()
    }

    /// Returns what is certain about the acquisition.
    pub(crate) fn verdict(&self) -> Verdict {
        let against = self.quorum.nodes - self.pending - self.granted;
        self.quorum.verdict(self.granted(), against.into())
    }

    /// Whether every node has responded.
    pub(crate) fn is_complete(&self) -> bool {
        self.pending == 0
    }

    /// The number of nodes that granted the lease.
    pub(crate) fn granted(&self) -> usize {
        self.granted.into()
    }

    /// The number of nodes that granted the lease until `moment` at least.
    pub(crate) fn granted_until(&self, moment: Moment) -> usize {
        self.count(|vote| matches!(vote, VoteState::Granted(expiry) if *expiry >= moment))
    }

    /// The number of nodes that are in quarantine.
    pub(crate) fn quarantined(&self) -> usize {
        self.count(|vote| {
            let VoteState::Failed(error) = vote else {
                return false;
            };
            error.kind() == NodeErrorKind::Quarantined
        })
    }

    /// Whether no quorum can grant before a node leaves its quarantine, whatever the others do.
    pub(crate) fn is_quarantine_decisive(&self) -> bool {
        self.quorum.nodes() - self.quarantined() < self.quorum().needed()
    }

    /// The number of nodes where another owner has a key.
    pub(crate) fn busy(&self) -> usize {
        self.count(|vote| matches!(vote, VoteState::Busy(_)))
    }

    /// Whether another owner may have a key on more nodes than have reported one.
    pub(crate) fn may_be_busy_elsewhere(&self) -> bool {
        self.count(|vote| matches!(vote, VoteState::Pending | VoteState::Failed(_))) > 0
    }

    /// Whether so many nodes have lost the keys that a quorum can no longer have them.
    pub(crate) fn is_gone(&self) -> bool {
        self.count(|vote| matches!(vote, VoteState::Lost)) > self.quorum.nodes() - self.majority()
    }

    /// A node whose key is not a lock, if such nodes make a quorum impossible.
    pub(crate) fn not_a_lock(&self) -> Option<usize> {
        let is_foreign = |vote: &VoteState| matches!(vote, VoteState::NotALock);
        let blocked = self.count(is_foreign) >= self.quorum().blocking();
        blocked.then(|| self.votes().position(is_foreign)).flatten()
    }

    /// Whether some node granted the lease, or found its key free right after refusing it.
    /// Contenders have split the vote, or the lock was just released.
    pub(crate) fn is_split(&self) -> bool {
        self.votes().any(|vote| {
            matches!(
                vote,
                VoteState::Granted(_) | VoteState::Busy(Some(Duration::ZERO))
            )
        })
    }

    /// Whether enough nodes are busy, or hold something else, to make a quorum impossible. Failed
    /// nodes do not count.
    pub(crate) fn is_busy(&self) -> bool {
        let foreign = self.count(|vote| matches!(vote, VoteState::NotALock));
        self.busy() + foreign >= self.quorum().blocking()
    }

    /// The time until a quorum of nodes is free if no holder extends its lease. `None` if too few
    /// nodes reported it.
    pub(crate) fn free_in(&self) -> Option<Duration> {
        let mut waits: Vec<Duration> = self
            .votes()
            .filter_map(|vote| match vote {
                VoteState::Granted(_) => Some(Duration::ZERO),
                VoteState::Busy(remaining) => *remaining,
                _ => None,
            })
            .collect();
        waits.sort_unstable();
        waits.get(self.quorum().needed() - 1).copied()
    }

    /// The nodes that failed, including those that have not responded. A late response still
    /// changes the vote.
    pub(crate) fn failures(&self, names: &[Arc<str>]) -> Arc<[NodeFailure]> {
        let is_pending = |vote: &VoteState| matches!(vote, VoteState::Pending);
        self.failed_or(is_pending, NodeErrorKind::Timeout, names)
    }

    /// The nodes that failed, or reported the keys as gone.
    pub(crate) fn losses(&self, names: &[Arc<str>]) -> Arc<[NodeFailure]> {
        let is_lost = |vote: &VoteState| matches!(vote, VoteState::Lost);
        self.failed_or(is_lost, NodeErrorKind::NotHeld, names)
    }

    /// The nodes that failed, each with its error, and those with such a vote, with an error of `kind`.
    fn failed_or(
        &self,
        is_such: impl Fn(&VoteState) -> bool,
        kind: NodeErrorKind,
        names: &[Arc<str>],
    ) -> Arc<[NodeFailure]> {
        let votes = self.votes().zip(names);
        let failures = votes.filter_map(|(vote, name)| {
            let error = match vote {
                VoteState::Failed(error) => error.clone(),
                vote if is_such(vote) => NodeError::new(kind, ""),
                _ => return None,
            };
            Some(NodeFailure::new(Arc::clone(name), error))
        });
        failures.collect()
    }

    fn votes(&self) -> impl Iterator<Item = &VoteState> {
        self.ballots.iter().map(|ballot| &ballot.vote)
    }

    fn count(&self, is: impl Fn(&VoteState) -> bool) -> usize {
        self.votes().filter(|vote| is(vote)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(votes: impl Into<Box<[VoteState]>>) -> Tally {
        let votes: Box<[VoteState]> = votes.into();
        let mut tally = Tally::pending(Quorum::of(votes.len()));
        for (node, vote) in votes.into_iter().enumerate() {
            tally.set(node, vote);
        }
        tally
    }

    #[test]
    fn durability_needs_more_votes_to_acquire_but_not_to_keep() {
        let quorum = Quorum::of(5).at_least(4);
        assert_eq!((quorum.needed(), quorum.blocking()), (4, 2));
        assert_eq!(Quorum::of(5).at_least(1).needed(), 3);
        let mut tally = Tally::pending(quorum);
        for node in 0..3 {
            tally.set(node, VoteState::Granted(Moment::now()));
        }
        assert_eq!(tally.verdict(), Verdict::Open);
    }

    #[test]
    fn a_failure_is_not_contention() {
        let down = || VoteState::Failed(NodeError::unsent(NodeErrorKind::Unreachable, "x"));
        let busy = || VoteState::Busy(Some(Duration::from_secs(1)));
        assert!(!tally([down(), down(), busy()]).is_busy());
        assert!(tally([down(), busy(), busy()]).is_busy());
        assert!(tally([VoteState::NotALock, busy(), VoteState::Pending]).is_busy());
        assert_eq!(
            tally([VoteState::NotALock, busy(), VoteState::Pending]).not_a_lock(),
            None
        );
        let foreign = tally([busy(), VoteState::NotALock, VoteState::NotALock]);
        assert_eq!(foreign.not_a_lock(), Some(1));
    }

    #[test]
    fn the_time_until_a_quorum_is_free_counts_own_grants() {
        let secs = |secs| VoteState::Busy(Some(Duration::from_secs(secs)));
        let holds = || VoteState::Granted(Moment::now());
        assert_eq!(
            tally([secs(9), secs(5), secs(7)]).free_in(),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            tally([holds(), secs(5), secs(7)]).free_in(),
            Some(Duration::from_secs(5))
        );
        assert_eq!(
            tally([VoteState::Pending, VoteState::Busy(None), secs(7)]).free_in(),
            None
        );
    }
}
