//! Rules of the protocol: those of the library, with switches for the mutants.

/// A majority of the nodes.
pub(crate) const QUORUM: usize = 2;

/// The rules that nodes and attempts follow.
///
/// The library's rules are [`RIGHT`](Self::RIGHT). A mutant differs from them in some fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    /// How many nodes an attempt must have moved to a number before the number is its token.
    pub(crate) votes: usize,
    /// Whether a grant increments a counter that is already at or above the proposal.
    pub(crate) increments: bool,
    /// Whether an acquire that finds its own id is granted, with the counter unchanged.
    pub(crate) repeats: bool,
    /// Whether every attempt has the same lease id.
    pub(crate) one_id: bool,
    /// The rules of a raise.
    pub(crate) raise: Raise,
    /// Whether a pipeline counts only if `ZADD` also moved the counter, and not on `SET` OK alone.
    pub(crate) counts_moves: bool,
    /// Whether a node that lost its counter has no vote for attempts called before its readmission.
    pub(crate) quarantine: bool,
}

/// The rules of a raise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raise {
    /// Whether it leaves the counter unchanged unless the lock key has the id of the attempt.
    pub(crate) owners_only: bool,
    /// The counters that it stamps.
    pub(crate) stamps: Stamped,
    /// Whether a node counts if its counter is at the number, regardless of who moved it there.
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
