//! Failures of a node in this process.

use std::time::Duration;

/// A failure of a [`MemoryNode`](super::MemoryNode).
///
/// For a lock it matters most whether the *request* or the *response* is lost. If the response is
/// lost, the node holds a key that no caller knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Commands fail at once, as if nothing listened at the node's address. Keys stay. Call
    /// [`wipe`](super::MemoryNode::wipe) too for a node that restarts empty.
    Crash,
    /// Commands are neither carried out nor answered until the fault is healed, like those of a
    /// stopped process.
    Hang,
    /// Commands never arrive, and get no response. Releases are sent again when the fault is
    /// healed.
    DropRequests,
    /// Commands are carried out, but their responses are lost.
    LoseReplies,
    /// Commands arrive after this delay.
    Delay(Duration),
}
