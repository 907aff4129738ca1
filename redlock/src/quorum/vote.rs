//! The vote of one node on a round.

use std::time::Duration;

use crate::error::NodeError;
use crate::time::clock::Moment;

#[derive(Clone, Debug)]
pub(crate) enum VoteState {
    /// The node has not responded yet.
    Pending,
    /// The node keeps the keys until this moment at least.
    Granted(Moment),
    /// Another owner has a key, for this long if the node reported it.
    Busy(Option<Duration>),
    /// A key holds something that is not a lock.
    NotALock,
    /// The node reported that at least one of the keys is gone.
    Lost,
    /// The command failed.
    Failed(NodeError),
}

impl VoteState {
    /// Whether the keys may be free on the node once this round's own grants are released.
    ///
    /// A node that has not responded may still grant the keys. The release behind that grant frees
    /// them again.
    pub(crate) fn may_be_free(&self) -> bool {
        match self {
            Self::Pending | Self::Granted(_) | Self::Lost => true,
            Self::Busy(left) => *left == Some(Duration::ZERO),
            Self::NotALock | Self::Failed(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NodeErrorKind;

    #[test]
    fn a_node_may_be_free_unless_it_is_busy_or_failed() {
        let failed = NodeError::new(NodeErrorKind::Timeout, "");
        assert!(VoteState::Pending.may_be_free());
        assert!(VoteState::Granted(Moment::now()).may_be_free());
        assert!(VoteState::Busy(Some(Duration::ZERO)).may_be_free());
        assert!(!VoteState::Busy(Some(Duration::from_millis(1))).may_be_free());
        assert!(!VoteState::Busy(None).may_be_free());
        assert!(!VoteState::Failed(failed).may_be_free());
    }
}
