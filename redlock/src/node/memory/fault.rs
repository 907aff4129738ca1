//! The ways in which a node can fail.

use std::time::Duration;

/// A way in which a [`MemoryNode`](super::MemoryNode) fails.
///
/// For a lock it matters most whether a *request* or its *reply* was lost: in the second case the
/// node holds a key of which nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Commands fail at once, as when nothing listens at the node's address. Keys stay; add
    /// [`wipe`](super::MemoryNode::wipe) for a node that restarts empty.
    Crash,
    /// Commands are neither answered nor carried out until the fault is healed, as by a process
    /// that was stopped.
    Hang,
    /// Commands never arrive and are not answered. Releases are repeated when the fault is healed.
    DropRequests,
    /// Commands are carried out, and their answers are lost.
    LoseReplies,
    /// Commands arrive this much later.
    Delay(Duration),
}
