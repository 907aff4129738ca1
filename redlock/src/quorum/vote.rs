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
