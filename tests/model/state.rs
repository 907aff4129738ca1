//! A state of the model: the nodes, the attempts and their exchanges.

use stateright::Representative;

use crate::attempt::{ATTEMPTS, Attempt};
use crate::node::{Node, Number, Numbers};

/// The number of nodes.
pub(crate) const NODES: usize = 3;

/// A state of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) nodes: [Node; NODES],
    pub(crate) attempts: [Attempt; ATTEMPTS],
    /// The number of counters lost so far.
    pub(crate) losses: u8,
    /// The largest number so far if proposals come from a clock, otherwise zero.
    pub(crate) clock: Number,
}

impl State {
    /// Returns every initial state with counters of at most `max`, ignoring the order of the nodes.
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

    /// Returns the tokens returned so far.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = Number> {
        self.attempts.iter().filter_map(Attempt::token)
    }

    /// Returns the largest token returned so far, or zero if there is none.
    pub(crate) fn floor(&self) -> Number {
        self.tokens().fold(0, Number::max)
    }

    /// Returns the numbers that nodes have reported to an attempt.
    pub(crate) fn reported(&self, attempt: usize) -> Numbers {
        let stamps = self.nodes.iter().map(|node| node.dealings[attempt].stamps);
        stamps.fold(Numbers::default(), Numbers::union)
    }

    /// Returns how many nodes have reported a number to an attempt.
    pub(crate) fn votes(&self, attempt: usize, number: Number) -> usize {
        let has_reported = |node: &&Node| node.dealings[attempt].stamps.contains(number);
        self.nodes.iter().filter(has_reported).count()
    }

    /// Reports a number from a node to an attempt, which may count it.
    pub(crate) fn report(&mut self, node: usize, attempt: usize, number: Number) {
        let dealings = &mut self.nodes[node].dealings[attempt];
        if self.attempts[attempt].is_asking() && !dealings.quarantined {
            dealings.stamps = dealings.stamps.union(Numbers::one(number));
        }
    }

    /// Ends an attempt with a token. Clears the numbers reported to it, which no longer matter, so
    /// that equal states merge.
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

    /// Advances the clock to the largest number in the state.
    pub(crate) fn tick(&mut self) {
        let proposals = self.attempts.iter().map(|attempt| attempt.proposal);
        self.clock = proposals.fold(self.clock.max(self.largest_counter()), Number::max);
    }
}

/// Nodes are interchangeable: states that differ only in their order are equivalent.
impl Representative for State {
    fn representative(&self) -> Self {
        let mut state = *self;
        state.nodes.sort_unstable();
        state
    }
}
