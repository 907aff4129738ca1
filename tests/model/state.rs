//! One moment: the nodes, the attempts, and what has passed between them.

use stateright::Representative;

use crate::attempt::{ATTEMPTS, Attempt};
use crate::node::{Node, Number, Numbers};

/// How many nodes there are.
pub(crate) const NODES: usize = 3;

/// One moment of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) nodes: [Node; NODES],
    pub(crate) attempts: [Attempt; ATTEMPTS],
    /// Counters lost so far.
    pub(crate) losses: u8,
    /// The largest number so far, where proposals come from a clock; zero elsewhere.
    pub(crate) clock: Number,
}

impl State {
    /// Every state in which nothing has happened and each counter is at most `max`, but for the
    /// order of the nodes.
    pub(crate) fn beginnings(max: Number) -> impl Iterator<Item = Self> {
        let below = |top: Number| 0..=top;
        below(max)
            .flat_map(move |a| below(a).flat_map(move |b| below(b).map(move |c| [a, b, c])))
            .map(|counters| Self {
                nodes: counters.map(Node::new),
                attempts: [Attempt::default(); ATTEMPTS],
                losses: 0,
                clock: 0,
            })
    }

    /// The tokens that have been returned.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = Number> {
        self.attempts.iter().filter_map(Attempt::token)
    }

    /// The largest token that has been returned; zero if there is none.
    pub(crate) fn floor(&self) -> Number {
        self.tokens().fold(0, Number::max)
    }

    /// The numbers that nodes have told an attempt.
    pub(crate) fn told(&self, attempt: usize) -> Numbers {
        let stamps = self.nodes.iter().map(|node| node.dealings[attempt].stamps);
        stamps.fold(Numbers::default(), Numbers::union)
    }

    /// How many nodes have told an attempt that they are at a number.
    pub(crate) fn votes(&self, attempt: usize, number: Number) -> usize {
        let has_told = |node: &&Node| node.dealings[attempt].stamps.contains(number);
        self.nodes.iter().filter(has_told).count()
    }

    /// A node tells an attempt a number to count.
    pub(crate) fn tell(&mut self, node: usize, attempt: usize, number: Number) {
        let dealings = &mut self.nodes[node].dealings[attempt];
        if self.attempts[attempt].is_asking() && !dealings.quarantined {
            dealings.stamps = dealings.stamps.union(Numbers::one(number));
        }
    }

    /// An attempt returns. What it was told makes no difference any more, and no states.
    pub(crate) fn grant(&mut self, attempt: usize, token: Number) {
        self.attempts[attempt].grant(token);
        for node in &mut self.nodes {
            node.dealings[attempt].stamps = Numbers::default();
        }
    }

    pub(crate) fn largest_counter(&self) -> Number {
        let counters = self.nodes.iter().map(|node| node.counter);
        counters.fold(0, Number::max)
    }

    /// Moves the clock on to the largest number there is.
    pub(crate) fn tick(&mut self) {
        let proposals = self.attempts.iter().map(|attempt| attempt.proposal);
        self.clock = proposals.fold(self.clock.max(self.largest_counter()), Number::max);
    }
}

/// Nodes are alike: states that differ in their order are one.
impl Representative for State {
    fn representative(&self) -> Self {
        let mut state = *self;
        state.nodes.sort_unstable();
        state
    }
}
