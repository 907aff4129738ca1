//! The contender of a lease on the waiting lists of the nodes.

use std::sync::Weak;

use crate::lease::ActiveLease;
use crate::node::{Command, Leave, NodeResult, Vote, Waiter, Watch};

impl ActiveLease {
    /// Removes the contender from a node's waiting list if the vote has added it there although its
    /// wait is over: the round was won, or was dropped.
    pub(super) fn leave_if_over(&self, node: usize, vote: &NodeResult<Vote>) {
        // Upgraded under the lock: the usual vote needs no more.
        let upgraded = self.lock().wakeup.as_ref().map(Weak::upgrade);
        let must_leave = match &upgraded {
            None => return,
            Some(Some(wakeup)) => wakeup.on_vote(node, vote),
            Some(None) => matches!(vote, Ok(Vote::Busy { rank: Some(_), .. })),
        };
        let wakeup = must_leave.then(|| self.lock().wakeup.clone()).flatten();
        if let Some(wakeup) = wakeup {
            let watch = Watch::of(wakeup, node);
            let leave = Leave::new(self.keys.clone(), watch);
            self.engine.submit(node, Command::Leave(leave.into()));
        }
    }

    /// Returns the contender as it joins a node's waiting list with the release of a lost round.
    pub(super) fn requeued(&self, node: usize) -> Option<Waiter> {
        let wakeup = self.lock().wakeup.as_ref()?.upgrade()?;
        wakeup.requeued(node)
    }
}
