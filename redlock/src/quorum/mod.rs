//! Counting votes. The only place that knows how many nodes there are and how many are enough.

pub(crate) mod responses;
pub(crate) mod token;
pub(crate) mod vote;

use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind, NodeFailure};
use crate::quorum::vote::VoteState;
use crate::time::clock::Moment;
use crate::time::validity;

/// How many nodes are configured, and how many of them decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quorum {
    nodes: usize,
    needed: usize,
}

impl Quorum {
    /// A quorum of the *configured* nodes: of those that happen to answer, two sides of a
    /// partition would each have one.
    pub(crate) fn of(nodes: usize) -> Self {
        Self {
            nodes,
            needed: nodes / 2 + 1,
        }
    }

    /// As many votes as `durability` asks for, where that is more.
    pub(crate) fn at_least(self, durability: usize) -> Self {
        Self {
            needed: self.needed.max(durability),
            ..self
        }
    }

    /// N.
    pub(crate) fn nodes(self) -> usize {
        self.nodes
    }

    /// The number of votes that decides: any two sets of so many nodes have one in common.
    pub(crate) fn needed(self) -> usize {
        self.needed
    }

    /// The number of votes against that makes a quorum impossible. With an even number of nodes
    /// this is less than a majority: a tie must not wait for ever.
    pub(crate) fn blocking(self) -> usize {
        self.nodes - self.needed() + 1
    }

    /// With fewer votes, for and against, nothing is certain.
    pub(crate) fn least(self) -> usize {
        self.needed.min(self.blocking())
    }

    /// What is certain after `votes` for and `against` votes against.
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

/// What is certain about a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not decided yet.
    Open,
    /// A quorum has agreed.
    Reached,
    /// A quorum cannot agree any more.
    Impossible,
}

/// All nodes' parts in a lease, in the order of the nodes.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    standings: Box<[VoteState]>,
    quorum: Quorum,
}

impl Tally {
    pub(crate) fn asked(quorum: Quorum) -> Self {
        Self {
            standings: vec![VoteState::Pending; quorum.nodes()].into(),
            quorum,
        }
    }

    pub(crate) fn get(&self, node: usize) -> &VoteState {
        &self.standings[node]
    }

    pub(crate) fn set(&mut self, node: usize, standing: VoteState) {
        self.standings[node] = standing;
    }

    pub(crate) fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// The number of nodes that keep a lease, however many it took to get it.
    fn majority(&self) -> usize {
        Quorum::of(self.standings.len()).needed()
    }

    /// What is certain about the acquisition.
    pub(crate) fn verdict(&self) -> Verdict {
        let undecided = self.count(|standing| matches!(standing, VoteState::Pending));
        let votes = self.granted();
        self.quorum()
            .verdict(votes, self.standings.len() - undecided - votes)
    }

    /// Whether every node has answered.
    pub(crate) fn is_complete(&self) -> bool {
        self.count(|standing| matches!(standing, VoteState::Pending)) == 0
    }

    /// The number of nodes that hold the key.
    pub(crate) fn granted(&self) -> usize {
        self.count(|standing| matches!(standing, VoteState::Granted(_)))
    }

    /// The number of nodes that hold the key until `moment` at least.
    pub(crate) fn granted_until(&self, moment: Moment) -> usize {
        self.count(|standing| matches!(standing, VoteState::Granted(expiry) if *expiry >= moment))
    }

    /// The number of nodes where another owner has it.
    pub(crate) fn busy(&self) -> usize {
        self.count(|standing| matches!(standing, VoteState::Busy(_)))
    }

    /// A node where a lock without an expiry stands in the way, if a quorum of nodes has one.
    pub(crate) fn busy_for_ever(&self) -> Option<usize> {
        let is_eternal = |standing: &VoteState| matches!(standing, VoteState::Busy(None));
        let blocked = self.count(is_eternal) >= self.quorum().needed();
        blocked
            .then(|| self.standings.iter().position(is_eternal))
            .flatten()
    }

    /// Whether so many nodes have said they do not have the key that a quorum cannot have it.
    pub(crate) fn is_gone(&self) -> bool {
        self.count(|standing| matches!(standing, VoteState::Lost))
            > self.standings.len() - self.majority()
    }

    /// A node where the key is no lock, if so many of them stand in the way.
    pub(crate) fn not_a_lock(&self) -> Option<usize> {
        let is_foreign = |standing: &VoteState| matches!(standing, VoteState::NotALock);
        let blocked = self.count(is_foreign) >= self.quorum().blocking();
        blocked
            .then(|| self.standings.iter().position(is_foreign))
            .flatten()
    }

    /// Whether nobody had the lock at all nodes that said no: contenders met, or it was just let go.
    pub(crate) fn is_split(&self) -> bool {
        self.standings.iter().any(|standing| {
            matches!(
                standing,
                VoteState::Granted(_) | VoteState::Busy(Some(Duration::ZERO))
            )
        })
    }

    /// Whether the nodes said no for good, rather than nothing: enough of them have another owner.
    pub(crate) fn is_busy(&self) -> bool {
        let foreign = self.count(|standing| matches!(standing, VoteState::NotALock));
        self.busy() + foreign >= self.quorum().blocking()
    }

    /// When the lease must be treated as gone; `None` without a quorum.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        let expiries = self.standings.iter().filter_map(|standing| match standing {
            VoteState::Granted(expiry) => Some(*expiry),
            _ => None,
        });
        validity::deadline(expiries, self.majority())
    }

    /// When enough nodes are free for a quorum if no holder extends, as far as is known.
    pub(crate) fn free_in(&self) -> Option<Duration> {
        let mut waits: Vec<Duration> = self
            .standings
            .iter()
            .filter_map(|standing| match standing {
                VoteState::Granted(_) => Some(Duration::ZERO),
                VoteState::Busy(remaining) => *remaining,
                _ => None,
            })
            .collect();
        waits.sort_unstable();
        waits.get(self.quorum().needed() - 1).copied()
    }

    /// Counts silence as failure, for the reports; a later answer still changes the standing.
    pub(crate) fn failures(&self, names: &[Arc<str>]) -> Arc<[NodeFailure]> {
        let silent = NodeError::new(NodeErrorKind::Timeout, "");
        self.standings
            .iter()
            .zip(names)
            .filter_map(|(standing, name)| match standing {
                VoteState::Failed(error) => Some(NodeFailure::new(Arc::clone(name), error.clone())),
                VoteState::Pending => Some(NodeFailure::new(Arc::clone(name), silent.clone())),
                _ => None,
            })
            .collect()
    }

    fn count(&self, is: impl Fn(&VoteState) -> bool) -> usize {
        self.standings
            .iter()
            .filter(|standing| is(standing))
            .count()
    }
}

/// A number of nodes, as errors carry it.
pub(crate) fn nodes(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_quorums_meet_and_no_tie_waits() {
        for n in 1..100 {
            let quorum = Quorum::of(n);
            assert!(2 * quorum.needed() > n);
            // Whatever the nodes say, once all have said it the round is decided.
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

    fn tally(standings: impl Into<Box<[VoteState]>>) -> Tally {
        let standings = standings.into();
        let quorum = Quorum::of(standings.len());
        Tally { standings, quorum }
    }

    #[test]
    fn durability_asks_for_more_votes_and_not_for_more_to_keep_the_lease() {
        let quorum = Quorum::of(5).at_least(4);
        assert_eq!((quorum.needed(), quorum.blocking()), (4, 2));
        assert_eq!(Quorum::of(5).at_least(1).needed(), 3);
        let mut tally = Tally::asked(quorum);
        for node in 0..3 {
            tally.set(node, VoteState::Granted(Moment::now()));
        }
        assert_eq!(tally.verdict(), Verdict::Open);
        assert!(tally.deadline().is_some());
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
    fn the_time_until_a_quorum_is_free_counts_what_is_free_already() {
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
