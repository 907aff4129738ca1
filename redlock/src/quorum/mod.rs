//! The counting of votes.
//!
//! Only this folder computes a majority.

pub(crate) mod hold;
pub(crate) mod responses;
pub(crate) mod token;
pub(crate) mod vote;

use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind, NodeFailure};
use crate::quorum::vote::VoteState;
use crate::time::clock::Moment;

/// The number of configured nodes, and the number of votes that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quorum {
    nodes: usize,
    needed: usize,
}

impl Quorum {
    /// Returns the majority of the *configured* nodes. If only responding nodes counted, both sides
    /// of a partition would have a quorum.
    pub(crate) fn of(nodes: usize) -> Self {
        Self {
            nodes,
            needed: nodes / 2 + 1,
        }
    }

    /// Raises the number of votes that decides to `durability`, if that is more.
    pub(crate) fn at_least(self, durability: usize) -> Self {
        Self {
            needed: self.needed.max(durability),
            ..self
        }
    }

    /// The number of configured nodes.
    pub(crate) fn nodes(self) -> usize {
        self.nodes
    }

    /// The number of votes that decides. Any two sets of this many nodes have a node in common.
    pub(crate) fn needed(self) -> usize {
        self.needed
    }

    /// The number of votes against that makes a quorum impossible. With an even number of nodes
    /// this is less than a majority, so that a tie is decided.
    pub(crate) fn blocking(self) -> usize {
        self.nodes - self.needed() + 1
    }

    /// The smallest number of votes, for and against together, that can decide.
    pub(crate) fn least(self) -> usize {
        self.needed.min(self.blocking())
    }

    /// Returns what is certain after `votes` for and `against` votes against.
    pub(crate) fn verdict(self, votes: usize, against: usize) -> Verdict {
        if votes >= self.needed() {
            Verdict::Reached
        } else if against >= self.blocking() {
            Verdict::Impossible
        } else {
            Verdict::Open
        }
    }
}

/// The decision of a round, as far as it is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not decided yet.
    Open,
    /// A quorum has agreed.
    Reached,
    /// A quorum can no longer agree.
    Impossible,
}

/// The votes of all nodes on a lease, in the order of the nodes.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    votes: Box<[VoteState]>,
    quorum: Quorum,
}

impl Tally {
    /// Creates a tally in which every vote is pending.
    pub(crate) fn pending(quorum: Quorum) -> Self {
        Self {
            votes: vec![VoteState::Pending; quorum.nodes()].into(),
            quorum,
        }
    }

    pub(crate) fn get(&self, node: usize) -> &VoteState {
        &self.votes[node]
    }

    pub(crate) fn set(&mut self, node: usize, vote: VoteState) {
        self.votes[node] = vote;
    }

    pub(crate) fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// The number of nodes that keep a lease alive, even if the acquisition needed more.
    fn majority(&self) -> usize {
        Quorum::of(self.votes.len()).needed()
    }

    /// Returns what is certain about the acquisition.
    pub(crate) fn verdict(&self) -> Verdict {
        let pending = self.count(|vote| matches!(vote, VoteState::Pending));
        let granted = self.granted();
        self.quorum()
            .verdict(granted, self.votes.len() - pending - granted)
    }

    /// Whether every node has responded.
    pub(crate) fn is_complete(&self) -> bool {
        self.count(|vote| matches!(vote, VoteState::Pending)) == 0
    }

    /// The number of nodes that granted the lease.
    pub(crate) fn granted(&self) -> usize {
        self.count(|vote| matches!(vote, VoteState::Granted(_)))
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
        self.votes.len() - self.quarantined() < self.quorum().needed()
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
        self.count(|vote| matches!(vote, VoteState::Lost)) > self.votes.len() - self.majority()
    }

    /// A node whose key is not a lock, if such nodes make a quorum impossible.
    pub(crate) fn not_a_lock(&self) -> Option<usize> {
        let is_foreign = |vote: &VoteState| matches!(vote, VoteState::NotALock);
        let blocked = self.count(is_foreign) >= self.quorum().blocking();
        blocked
            .then(|| self.votes.iter().position(is_foreign))
            .flatten()
    }

    /// Whether some node granted the lease, or found its key free right after refusing it.
    /// Contenders have split the vote, or the lock was just released.
    pub(crate) fn is_split(&self) -> bool {
        self.votes.iter().any(|vote| {
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
            .votes
            .iter()
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
        let timed_out = NodeError::new(NodeErrorKind::Timeout, "");
        self.votes
            .iter()
            .zip(names)
            .filter_map(|(vote, name)| match vote {
                VoteState::Failed(error) => Some(NodeFailure::new(Arc::clone(name), error.clone())),
                VoteState::Pending => Some(NodeFailure::new(Arc::clone(name), timed_out.clone())),
                _ => None,
            })
            .collect()
    }

    /// The nodes that failed, or reported the keys as gone.
    pub(crate) fn losses(&self, names: &[Arc<str>]) -> Arc<[NodeFailure]> {
        let not_held = NodeError::new(NodeErrorKind::NotHeld, "");
        self.votes
            .iter()
            .zip(names)
            .filter_map(|(vote, name)| match vote {
                VoteState::Failed(error) => Some(NodeFailure::new(Arc::clone(name), error.clone())),
                VoteState::Lost => Some(NodeFailure::new(Arc::clone(name), not_held.clone())),
                _ => None,
            })
            .collect()
    }

    fn count(&self, is: impl Fn(&VoteState) -> bool) -> usize {
        self.votes.iter().filter(|vote| is(vote)).count()
    }
}

/// Converts a number of nodes to the type that errors carry.
pub(crate) fn nodes(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_quorums_overlap_and_every_tie_is_decided() {
        for n in 1..100 {
            let quorum = Quorum::of(n);
            assert!(2 * quorum.needed() > n);
            // Once all nodes have voted, the round is decided.
            for votes in 0..=n {
                assert_ne!(
                    quorum.verdict(votes, n - votes),
                    Verdict::Open,
                    "{votes} of {n}"
                );
            }
        }
    }

    #[test]
    fn a_round_is_decided_as_soon_as_it_is_certain() {
        let quorum = Quorum::of(5);
        assert_eq!(quorum.verdict(2, 2), Verdict::Open);
        assert_eq!(quorum.verdict(3, 0), Verdict::Reached);
        assert_eq!(quorum.verdict(0, 3), Verdict::Impossible);
        assert_eq!(Quorum::of(4).verdict(2, 2), Verdict::Impossible);
        assert_eq!(Quorum::of(2).verdict(1, 1), Verdict::Impossible);
    }

    fn tally(votes: impl Into<Box<[VoteState]>>) -> Tally {
        let votes = votes.into();
        let quorum = Quorum::of(votes.len());
        Tally { votes, quorum }
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
