//! Changes of the deadline of a lease.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::LossReason;
use crate::lease::ActiveLease;
use crate::lease::state::State;

/// The consequence of holds that are gone.
#[derive(Default)]
pub(super) struct DeadlineMove {
    /// Whether fewer nodes than a quorum hold the lease.
    is_gone: bool,
    /// Wakes the tasks that wait for the deadline, because it has moved nearer.
    nearer: Option<CancellationToken>,
}

impl ActiveLease {
    /// Recomputes the deadline after a change of the holds, and the timers that follow it.
    pub(super) fn update_deadline(self: &Arc<Self>, state: &mut State) -> DeadlineMove {
        let before = state.deadline();
        state.holds_changed();
        if state.deadline() >= before {
            return DeadlineMove::default();
        }
        self.arm(state);
        DeadlineMove {
            is_gone: state.deadline().is_none(),
            nearer: state.nearer.take(),
        }
    }

    /// Notifies the tasks that wait for the deadline. Returns whether the lease is lost.
    pub(super) fn apply_deadline(&self, moved: DeadlineMove) -> bool {
        if moved.is_gone {
            self.lose(LossReason::Gone);
        }
        if let Some(nearer) = moved.nearer {
            nearer.cancel();
        }
        moved.is_gone
    }
}
