//! Choosing the fencing token from what the nodes stamped.
//!
//! Every node keeps a counter for every resource. A node that grants a lock moves its counter to
//! a larger value, its *stamp*; a token is a value to which a quorum of nodes were moved by one
//! acquisition.
//!
//! Why that is enough: a counter only grows, so no value is ever written to a node twice. Two
//! acquisitions with one token would share a node that was moved to it twice: tokens are unique.
//! If one acquisition had returned before another was called, the node they share was at its
//! token or beyond when the other moved it: tokens grow. Neither rests on clocks, leases, or the
//! order of messages; both rest on the counters being kept.
//!
//! Several resources that are locked together have one token. A node moves the counters of all of
//! them, in one step, to one value that is beyond each, so that its stamp is a stamp of every one;
//! the same nodes were moved to the token for each, and all of the above is true of each by itself,
//! whichever others it is locked with the next time.
//!
//! The pieces are those of Gifford's version numbers (1979) and of the first phase of Paxos.

use crate::node::Stamp;
use crate::token::FencingToken;

const MAX_TOKEN: u64 = FencingToken::MAX.get();

/// What follows from the stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Enough nodes were moved to this value by this acquisition: it is the token.
    Token(u64),
    /// Raise the counters of the nodes that are not at this value by us, and choose again.
    Raise(u64),
    /// There is no number left.
    Exhausted,
}

/// Chooses from the stamps of the nodes that granted the lock, of which `needed` must agree.
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
    // Any value that enough nodes were moved to will do, the largest stamp or not.
    let largest = stamps.clone().map(|stamp| match stamp {
        Stamp::Moved(value) | Stamp::Beyond(value) => value,
    });
    if largest.max().is_none_or(|largest| largest > MAX_TOKEN) {
        return Choice::Exhausted;
    }
    if let Some(token) = ours
        .clone()
        .filter(|token| agreeing(*token) >= needed)
        .max()
    {
        return Choice::Token(token);
    }
    // The largest stamp of ours is kept if nothing is beyond it: its node need not be asked again.
    let theirs = stamps.clone().filter_map(|stamp| match stamp {
        Stamp::Beyond(value) => value.checked_add(1),
        Stamp::Moved(_) => None,
    });
    match ours.chain(theirs).max() {
        Some(token) if token <= MAX_TOKEN => Choice::Raise(token),
        _ => Choice::Exhausted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stamp::{Beyond, Moved};

    fn choice(stamps: &[Stamp], needed: usize) -> Choice {
        choose(stamps.iter().copied(), needed)
    }

    /// What has to be true of every choice, over all stamps of up to four nodes with values from
    /// one to four.
    #[test]
    fn no_choice_breaks_what_the_proof_rests_on() {
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
                        // Nobody agreed; every other counter can be moved up to it; and no node
                        // that somebody else may have moved there counts as ours.
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
    fn nodes_that_agree_make_a_token() {
        assert_eq!(choice(&[Moved(5), Moved(5), Moved(5)], 2), Choice::Token(5));
        assert_eq!(choice(&[Moved(5), Moved(5), Moved(7)], 2), Choice::Token(5));
        assert_eq!(
            choice(&[Moved(5), Moved(5), Beyond(9)], 2),
            Choice::Token(5)
        );
    }

    #[test]
    fn nodes_that_do_not_agree_are_raised_to_the_largest() {
        assert_eq!(choice(&[Moved(5), Moved(7), Moved(9)], 2), Choice::Raise(9));
        assert_eq!(choice(&[Moved(5), Moved(5), Moved(7)], 3), Choice::Raise(7));
    }

    #[test]
    fn a_value_that_somebody_else_wrote_is_never_ours() {
        assert_eq!(
            choice(&[Moved(5), Beyond(5), Beyond(5)], 2),
            Choice::Raise(6)
        );
        assert_eq!(choice(&[Beyond(5), Beyond(4)], 2), Choice::Raise(6));
        assert_eq!(choice(&[Moved(9), Beyond(8)], 2), Choice::Raise(9));
    }

    #[test]
    fn the_numbers_end_without_wrapping() {
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
