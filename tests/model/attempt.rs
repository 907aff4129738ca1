//! An attempt to acquire the lock, from its client's point of view.

use crate::node::Number;

/// The number of attempts that a state has room for. A search uses two of them, or all.
pub(crate) const ATTEMPTS: usize = 3;

/// One attempt: a round of acquires and any raises that follow.
///
/// A failed attempt has no phase of its own. Its client takes no further step, while its messages
/// continue to arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) phase: Phase,
    /// The smallest number that its acquires request.
    pub(crate) proposal: Number,
    /// Whether its acquires are pipelines instead of scripts.
    pub(crate) pipeline: bool,
    /// The largest token that had been returned when it was called, or zero if there was none.
    pub(crate) floor: Number,
    /// The number to which it raises nodes, once chosen.
    pub(crate) target: Option<Number>,
    /// The number of times it has chosen a target.
    pub(crate) choices: u8,
}

/// The phase of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    #[default]
    NotCalled,
    /// Its messages are in flight.
    Acquiring,
    /// It has returned this token.
    Granted(Number),
}

impl Attempt {
    pub(crate) fn call(proposal: Number, pipeline: bool, floor: Number) -> Self {
        Self {
            phase: Phase::Acquiring,
            proposal,
            pipeline,
            floor,
            ..Self::default()
        }
    }

    /// Chooses the number to which nodes are raised, or keeps it if already chosen.
    pub(crate) fn choose(&mut self, target: Number) {
        if self.target != Some(target) {
            self.target = Some(target);
            self.choices += 1;
        }
    }

    /// Ends the attempt with a token. Clears its target, which no longer matters, so that equal states
    /// merge.
    pub(crate) fn grant(&mut self, token: Number) {
        self.phase = Phase::Granted(token);
        self.target = None;
        self.choices = 0;
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.phase == Phase::Acquiring
    }

    pub(crate) fn is_called(&self) -> bool {
        self.phase != Phase::NotCalled
    }

    pub(crate) fn token(&self) -> Option<Number> {
        match self.phase {
            Phase::Granted(token) => Some(token),
            _ => None,
        }
    }
}
