//! The timers of a contender.

use super::rules::{Micros, RECHECK, Rechecks};

/// The moments at which a contender acts without a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timers {
    /// The next poll.
    pub(crate) poll: Option<Micros>,
    /// A round after hints from fewer than a quorum.
    pub(crate) hint: Option<Micros>,
    /// A round after a look.
    pub(crate) round: Option<Micros>,
    pub(crate) look: Option<Micros>,
    /// The end of its hold.
    pub(crate) release: Option<Micros>,
    pub(crate) recheck: Option<Micros>,
}

impl Timers {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the first moment.
    pub(crate) fn first(&self) -> Option<Micros> {
        let waits = [self.poll, self.hint, self.round, self.look];
        let ends = [self.release, self.recheck];
        waits.into_iter().chain(ends).flatten().min()
    }

    pub(crate) fn is_round_due(&self, now: Micros) -> bool {
        let mut rounds = [self.poll, self.hint, self.round].into_iter().flatten();
        rounds.any(|at| at <= now)
    }

    pub(crate) fn await_recheck(&mut self, now: Micros, rechecks: Rechecks) {
        if rechecks != Rechecks::Never {
            self.recheck.get_or_insert(now + RECHECK);
        }
    }
}
