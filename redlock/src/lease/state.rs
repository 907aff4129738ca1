//! The part of a lease that changes.

use tokio_util::sync::CancellationToken;

use crate::engine::timer::TimerKey;
use crate::error::LossReason;
use crate::node::Stamp;
use crate::quorum::Tally;
use crate::time::clock::Moment;
use crate::token::FencingToken;
use crate::waiting::queue::Ticket;

/// Everything about a lease that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) tally: Tally,
    /// When the key is gone from every node at the latest.
    pub(super) until: Moment,
    /// Cancelled when the lease ends; made when somebody asks for it.
    pub(super) cancellation: Option<CancellationToken>,
    pub(super) timer: Option<TimerKey>,
    /// When to extend next.
    pub(super) extend_at: Moment,
    /// The extension in the background that counts.
    pub(super) attempt: Attempt,
    /// The tally's deadline, computed when the tally changes.
    deadline: Option<Moment>,
    /// Where the counter of each node is, as far as it is known.
    pub(super) stamps: Box<[Option<Stamp>]>,
    pub(super) fencing_token: Option<FencingToken>,
    /// First in line, for as long as the lease is held.
    pub(super) ticket: Option<Ticket>,
}

/// Where a lease is in its life. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The round is not decided.
    Asking,
    /// A guard holds it.
    Held,
    /// It has ended, for good.
    Ended(End),
}

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The round was lost, or nobody waits for it any more.
    Abandoned,
    /// The lease belongs to somebody else, who goes on with it.
    Detached,
    /// The guard was dropped or released.
    Released,
    /// It ended while a guard held it.
    Lost(LossReason),
}

impl End {
    /// Whether the nodes must be told.
    pub(super) fn releases(self) -> bool {
        !matches!(self, Self::Detached)
    }

    /// Whether the keys stay for as long as `hold_at_least` says. Not where there never was a
    /// guard; and once others can have the lock, what is left of it only stands in their way.
    pub(super) fn keeps(self) -> bool {
        match self {
            Self::Released => true,
            Self::Lost(reason) => reason != LossReason::Gone,
            Self::Abandoned | Self::Detached => false,
        }
    }
}

/// What the end of a lease leaves to be released.
pub(super) struct ReleasePlan {
    /// The nodes that may have keys of it.
    pub(super) nodes: Vec<usize>,
    /// When the keys are gone from every node at the latest.
    pub(super) until: Moment,
    /// Until when the keys stay, if they are not to be deleted.
    pub(super) keep_until: Option<Moment>,
}

/// One extension in the background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Tells answers to this attempt from those to earlier ones.
    pub(super) number: u32,
    pub(super) confirmed: usize,
}

impl State {
    pub(super) fn new(tally: Tally, until: Moment) -> Self {
        let stamps = vec![None; tally.quorum().nodes()].into();
        Self {
            phase: Phase::Asking,
            tally,
            until,
            cancellation: None,
            timer: None,
            extend_at: until,
            attempt: Attempt::default(),
            deadline: None,
            stamps,
            fencing_token: None,
            ticket: None,
        }
    }

    /// When the lease must be treated as gone; `None` unless it is held.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.deadline.filter(|_| self.phase == Phase::Held)
    }

    /// Recomputes what follows from the tally.
    pub(super) fn tally_changed(&mut self) {
        self.deadline = self.tally.deadline();
    }

    /// The nodes that may have a key of the lease, which has `several` or one.
    pub(super) fn held_at(&self, several: bool) -> Vec<usize> {
        (0..self.tally.quorum().nodes())
            .filter(|node| self.tally.get(*node).may_hold(several))
            .collect()
    }
}
