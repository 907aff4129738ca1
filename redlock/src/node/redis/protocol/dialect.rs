//! The forms of commands that a server supports, and permits to the user.

use crate::node::redis::protocol::compare_delete::CompareDelete;

/// The forms of commands that a server supports, and permits to the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// The server's own command that deletes a key of ours, if it has one.
    pub(crate) delete: Option<CompareDelete>,
    /// Whether scripts are sent by their text, because the user may not run `EVALSHA`.
    pub(crate) scripts_by_text: bool,
}
