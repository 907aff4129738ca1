//! What is known of one node's part in a lease.

use std::time::Duration;

use crate::error::NodeError;
use crate::time::clock::Moment;

/// One node's part in a lease: its vote, and later whether it still holds the key.
#[derive(Clone, Debug)]
pub(crate) enum VoteState {
    /// Asked, and no answer yet.
    Pending,
    /// Holds the key until then at least.
    Granted(Moment),
    /// Another owner has it, for so long.
    Busy(Option<Duration>),
    /// The key there is no lock.
    NotALock,
    /// Had the keys, and said that at least one of them is there no more.
    Lost,
    /// Failed.
    Failed(NodeError),
}

impl VoteState {
    /// Whether a key of ours may be on the node, so that a release must go there. One key cannot
    /// be, once it is gone; of `several` the others can.
    pub(crate) fn may_hold(&self, several: bool) -> bool {
        match self {
            Self::Pending | Self::Granted(_) => true,
            Self::Failed(error) => error.is_sent(),
            Self::Lost => several,
            Self::Busy(_) | Self::NotALock => false,
        }
    }

    /// Whether the node may have the key for nobody, once what this round took is given back. One
    /// that has not answered may grant it yet, and is then told to let go of it.
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
    fn a_release_goes_wherever_the_key_may_be() {
        for several in [false, true] {
            let may_hold = |standing: VoteState| standing.may_hold(several);
            let sent = NodeError::new(NodeErrorKind::Timeout, "");
            let unsent = NodeError::unsent(NodeErrorKind::Closed, "");
            assert!(may_hold(VoteState::Pending));
            assert!(may_hold(VoteState::Granted(Moment::now())));
            assert!(may_hold(VoteState::Failed(sent)));
            assert!(!may_hold(VoteState::Failed(unsent)));
            assert!(!may_hold(VoteState::Busy(None)));
            assert_eq!(may_hold(VoteState::Lost), several);
        }
    }

    #[test]
    fn a_node_may_be_free_unless_it_said_otherwise() {
        let failed = NodeError::new(NodeErrorKind::Timeout, "");
        assert!(VoteState::Pending.may_be_free());
        assert!(VoteState::Granted(Moment::now()).may_be_free());
        assert!(VoteState::Busy(Some(Duration::ZERO)).may_be_free());
        assert!(!VoteState::Busy(Some(Duration::from_millis(1))).may_be_free());
        assert!(!VoteState::Busy(None).may_be_free());
        assert!(!VoteState::Failed(failed).may_be_free());
    }
}
