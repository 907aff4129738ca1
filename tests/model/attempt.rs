//! An attempt to acquire the lock, as its client sees it.

use crate::node::Number;

/// How many attempts a state has room for. A search uses two of them, or all.
pub(crate) const ATTEMPTS: usize = 3;

/// One attempt: a round of acquires, and the raises that may follow.
///
/// There is no state for one that failed. It is an attempt whose client takes no further step,
/// while its messages go on arriving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) phase: Phase,
    /// The least number that its acquires ask for.
    pub(crate) proposal: Number,
    /// Whether its acquires are pipelines, and not scripts.
    pub(crate) pipeline: bool,
    /// The largest token that had been returned when it was called; zero if there was none.
    pub(crate) floor: Number,
    /// The number that it raises nodes to, once it has chosen one.
    pub(crate) target: Option<Number>,
    /// How often it has chosen.
    pub(crate) choices: u8,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    #[default]
    NotCalled,
    /// Its messages are under way.
    Asking,
    /// It has returned with this token.
    Granted(Number),
}

impl Attempt {
    pub(crate) fn call(proposal: Number, pipeline: bool, floor: Number) -> Self {
        Self {
            phase: Phase::Asking,
            proposal,
            pipeline,
            floor,
            ..Self::default()
        }
    }

    /// Chooses the number that nodes are raised to, or goes on with the one chosen before.
    pub(crate) fn choose(&mut self, target: Number) {
        if self.target != Some(target) {
            self.target = Some(target);
            self.choices += 1;
        }
    }

    /// Returns. How it came to the token makes no difference any more, and no states.
    pub(crate) fn grant(&mut self, token: Number) {
        self.phase = Phase::Granted(token);
        self.target = None;
        self.choices = 0;
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.phase == Phase::Asking
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
