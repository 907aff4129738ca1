//! The choice of the fencing token from the nodes' stamps.
//!
//! Every node keeps a counter for every resource. A node that grants a lock moves its counter to
//! a larger value, its *stamp*; a token is a value to which a quorum of nodes were moved by one
//! acquisition.
//!
//! This is enough. A counter only grows, so no value is ever written to a node twice. Two
//! acquisitions with one token would share a node that was moved to it twice: tokens are unique.
//! If one acquisition had returned before another was called, the node they share was at its
//! token or beyond when the other moved it: tokens grow. Neither rests on clocks, leases, or the
//! order of messages; both rest on the counters being kept.
//!
//! Several resources that are locked together have one token. A node moves the counters of all of
//! them, in one step, to one value that is beyond each. Its stamp is therefore a stamp of every
//! one, and the same nodes were moved to the token for each. All of the above is true of each
//! resource by itself, whichever others it is locked with the next time.
//!
//! The pieces are those of Gifford's version numbers (1979) and of the first phase of Paxos.

use crate::node::Stamp;
use crate::token::FencingToken;

/// The next step that the stamps allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Enough nodes were moved to this value by this acquisition: it is the token.
    Token(u64),
    /// Raise the counters of all nodes that this acquisition has not moved to this value. Then
    /// choose again.
    Raise(u64),
    /// No larger number is left.
    Exhausted,
}

/// Chooses a token from the stamps of the nodes that granted the lock. `needed` of them must agree.
pub(crate) fn choose(stamps: impl Iterator<Item = Stamp> + Clone, needed: usize) -> Choice {
    let agreeing = |token| {
        stamps
            .clone()
            .filter(|stamp| *stamp == Stamp::Moved(token))
            .count()
    };
    let ours = stamps.clone().filter_map(|stamp| match stamp {
        Stamp::Moved(value) => Some(value),
        Stamp::Beyond(_) => None,
    });
    let largest = stamps.clone().map(|stamp| match stamp {
        Stamp::Moved(value) | Stamp::Beyond(value) => value,
    });
    if largest.max().is_none_or(|largest| largest > MAX_TOKEN) {
        return Choice::Exhausted;
    }
    // Any value to which enough nodes were moved is a token. It need not be the largest stamp.
    // No two have: any two quorums have a node in common.
    if let Some(token) = ours.clone().find(|token| agreeing(*token) >= needed) {
        return Choice::Token(token);
    }
    // If no counter is beyond our largest stamp, raise to it: its node then needs no command.
    let theirs = stamps.clone().filter_map(|stamp| match stamp {
        Stamp::Beyond(value) => value.checked_add(1),
        Stamp::Moved(_) => None,
    });
    match ours.chain(theirs).max() {
        Some(token) if token <= MAX_TOKEN => Choice::Raise(token),
        _ => Choice::Exhausted,
    }
}

/// Returns the largest value that `needed` of the counters have reached.
pub(crate) fn shown(stamps: impl Iterator<Item = Stamp> + Clone, needed: usize) -> Option<u64> {
    let values = stamps.map(|stamp| match stamp {
        Stamp::Moved(value) | Stamp::Beyond(value) => value,
    });
    let is_shown = |value: &u64| values.clone().filter(|it| it >= value).count() >= needed;
    values.clone().filter(is_shown).max()
}

const MAX_TOKEN: u64 = FencingToken::MAX.get();

#[cfg(test)]
mod tests {
    use super::*;
    use Stamp::{Beyond, Moved};

    fn choice(stamps: &[Stamp], needed: usize) -> Choice {
        choose(stamps.iter().copied(), needed)
    }

    #[test]
    fn a_counter_is_shown_by_as_many_nodes_as_are_needed() {
        let stamps = [Moved(4), Beyond(9), Moved(4), Beyond(1)];
        let shown = |needed| shown(stamps.iter().copied(), needed);
        assert_eq!(
            [1, 2, 3, 4, 5].map(shown),
            [Some(9), Some(4), Some(4), Some(1), None]
        );
    }

    /// Checks every choice, over all stamps of up to four nodes with values from one to four.
    #[test]
    fn every_choice_meets_the_premises_of_the_proof() {
        let all: Vec<Stamp> = (1..=4)
            .flat_map(|value| [Moved(value), Beyond(value)])
            .collect();
        let mut checked = 0_u32;
        for nodes in 1..=4_u32 {
            for code in 0..8_usize.pow(nodes) {
                let stamps: Vec<Stamp> = (0..nodes)
                    .map(|node| all[code / 8_usize.pow(node) % 8])
                    .collect();
                let needed = stamps.len() / 2 + 1;
                let moved = |token| stamps.iter().filter(|it| **it == Moved(token)).count();
                match choice(&stamps, needed) {
                    Choice::Token(token) => assert!(moved(token) >= needed, "{stamps:?}"),
                    Choice::Raise(token) => {
                        // No value had enough nodes. Every other counter can be moved up to this
                        // one. No node counts as ours that another acquisition may have moved here.
                        assert!((1..=5).all(|value| moved(value) < needed), "{stamps:?}");
                        let is_below = stamps.iter().all(|stamp| match stamp {
                            Moved(value) => *value <= token,
                            Beyond(value) => *value < token,
                        });
                        assert!(is_below, "{stamps:?}: {token}");
                    }
                    Choice::Exhausted => panic!("{stamps:?}"),
                }
                checked += 1;
            }
        }
        assert_eq!(checked, 8 + 64 + 512 + 4096);
    }

    #[test]
    fn a_value_with_enough_nodes_is_the_token() {
        assert_eq!(choice(&[Moved(5), Moved(5), Moved(5)], 2), Choice::Token(5));
        assert_eq!(choice(&[Moved(5), Moved(5), Moved(7)], 2), Choice::Token(5));
        assert_eq!(
            choice(&[Moved(5), Moved(5), Beyond(9)], 2),
            Choice::Token(5)
        );
    }

    #[test]
    fn nodes_that_disagree_are_raised_to_the_largest_stamp() {
        assert_eq!(choice(&[Moved(5), Moved(7), Moved(9)], 2), Choice::Raise(9));
        assert_eq!(choice(&[Moved(5), Moved(5), Moved(7)], 3), Choice::Raise(7));
    }

    #[test]
    fn a_value_of_another_acquisition_is_never_the_token() {
        assert_eq!(
            choice(&[Moved(5), Beyond(5), Beyond(5)], 2),
            Choice::Raise(6)
        );
        assert_eq!(choice(&[Beyond(5), Beyond(4)], 2), Choice::Raise(6));
        assert_eq!(choice(&[Moved(9), Beyond(8)], 2), Choice::Raise(9));
    }

    #[test]
    fn exhausted_numbers_do_not_wrap() {
        assert_eq!(choice(&[Beyond(MAX_TOKEN)], 1), Choice::Exhausted);
        assert_eq!(choice(&[Beyond(u64::MAX)], 1), Choice::Exhausted);
        assert_eq!(choice(&[], 1), Choice::Exhausted);
        assert_eq!(choice(&[Moved(MAX_TOKEN + 1)], 1), Choice::Exhausted);
        assert_eq!(choice(&[Moved(MAX_TOKEN)], 1), Choice::Token(MAX_TOKEN));
        assert_eq!(
            choice(&[Beyond(MAX_TOKEN - 1)], 1),
            Choice::Raise(MAX_TOKEN)
        );
    }
}
