//! The fate of commands for a connection that had ended.

/// The connection has ended. Nothing was sent of the commands that were passed to it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsent;
