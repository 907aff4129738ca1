//! The rules: those of the library, and what the mutants make of them.

/// A majority of the nodes.
pub(crate) const QUORUM: usize = 2;

/// The rules that nodes and attempts go by.
///
/// Those of the library are [`RIGHT`](Self::RIGHT). A mutant is that with a field changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    /// Nodes that an attempt must have moved to a number before the number is its token.
    pub(crate) votes: usize,
    /// Whether a grant moves a counter that is at the proposal or above it.
    pub(crate) increments: bool,
    /// Whether an acquire that finds its own id is granted, with the counter as it is.
    pub(crate) repeats: bool,
    /// Whether every attempt has the same lease id.
    pub(crate) one_id: bool,
    /// What a raise does.
    pub(crate) raise: Raise,
    /// Whether a pipeline counts only if `ZADD` moved the counter, and not just if `SET` said OK.
    pub(crate) counts_moves: bool,
    /// Whether a node that lost its counter has no votes for the attempts of before.
    pub(crate) quarantine: bool,
}

/// What a raise does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raise {
    /// Whether it leaves a counter alone if the lock key does not have the id of the attempt.
    pub(crate) owners_only: bool,
    /// The counters that it stamps.
    pub(crate) stamps: Stamped,
    /// Whether a node counts whose counter is at the number, whoever moved it there.
    pub(crate) counts_equal: bool,
}

/// The counters that a raise stamps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stamped {
    /// `<`
    Below,
    /// `<=`
    BelowOrEqual,
}

impl Protocol {
    pub(crate) const RIGHT: Self = Self {
        votes: QUORUM,
        increments: true,
        repeats: false,
        one_id: false,
        raise: Raise::RIGHT,
        counts_moves: true,
        quarantine: false,
    };

    pub(crate) fn votes(self, votes: usize) -> Self {
        Self { votes, ..self }
    }

    pub(crate) fn raise(self, raise: Raise) -> Self {
        Self { raise, ..self }
    }

    pub(crate) fn quarantine(self) -> Self {
        Self {
            quarantine: true,
            ..self
        }
    }
}

impl Raise {
    pub(crate) const RIGHT: Self = Self {
        owners_only: true,
        stamps: Stamped::Below,
        counts_equal: false,
    };
}
