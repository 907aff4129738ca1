//! The counting of votes.
//!
//! Only this folder computes a majority.

pub(crate) mod hold;
pub(crate) mod per_node;
pub(crate) mod responses;
pub(crate) mod tally;
pub(crate) mod token;
pub(crate) mod vote;

/// The number of configured nodes, and the number of votes that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quorum {
    nodes: u16,
    needed: u16,
}

impl Quorum {
    /// Returns the majority of the *configured* nodes. If only responding nodes counted, both sides
    /// of a partition would have a quorum.
    pub(crate) fn of(nodes: usize) -> Self {
        let nodes = self::nodes(nodes);
        Self {
            nodes,
            needed: nodes / 2 + 1,
        }
    }

    /// Raises the number of votes that decides to `durability`, if that is more.
    pub(crate) fn at_least(self, durability: usize) -> Self {
        Self {
            needed: self.needed.max(nodes(durability)),
            ..self
        }
    }

    /// The number of configured nodes.
    pub(crate) fn nodes(self) -> usize {
        self.nodes.into()
    }

    /// The number of votes that decides. Any two sets of this many nodes have a node in common.
    pub(crate) fn needed(self) -> usize {
        self.needed.into()
    }

    /// The number of votes against that makes a quorum impossible. With an even number of nodes
    /// this is less than a majority, so that a tie is decided.
    pub(crate) fn blocking(self) -> usize {
        self.nodes() - self.needed() + 1
    }

    /// The smallest number of votes, for and against together, that can decide.
    pub(crate) fn least(self) -> usize {
        self.needed().min(self.blocking())
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
}
