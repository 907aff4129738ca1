//! The forms of commands that a server supports, and permits to the user.

use crate::node::Extend;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::waiting::WaitingForm;

/// The forms of commands that a server supports, and permits to the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// The server's own command that deletes a key of ours, if it has one.
    pub(crate) delete: Option<CompareDelete>,
    pub(crate) scripts: ScriptCalls,
    pub(crate) waiting: WaitingForm,
    /// Whether the keys of one call must share a slot: the server is a member of a cluster.
    pub(crate) is_clustered: bool,
    /// Whether the user may not write the labels of holders.
    pub(crate) labels_are_denied: bool,
}

impl Dialect {
    /// Returns the label that an extension writes.
    pub(crate) fn label_of(self, it: &Extend) -> Option<&str> {
        it.label.as_deref().filter(|_| !self.labels_are_denied)
    }
}

/// The commands by which scripts can be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ScriptCalls {
    /// `EVALSHA`, and `EVAL` where a server may not have the script.
    #[default]
    Both,
    /// `EVAL` only.
    ByText,
    /// `EVALSHA` only. The handshake has loaded the scripts.
    ByHash,
}

impl ScriptCalls {
    /// Whether a script is sent by its text, if that is `preferred`.
    pub(crate) fn by_text(self, preferred: bool) -> bool {
        match self {
            Self::Both => preferred,
            Self::ByText => true,
            Self::ByHash => false,
        }
    }
}
