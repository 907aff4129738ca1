//! Why one node did not answer as asked.

use std::fmt;
use std::sync::Arc;

/// Why one node gave no vote.
///
/// Never carries a password: addresses are stripped of credentials before they get here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeError {
    kind: NodeErrorKind,
    message: Arc<str>,
    sent: bool,
}

impl NodeError {
    /// An error of a command whose fate is unknown: it may have been carried out.
    #[must_use]
    pub fn new(kind: NodeErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            sent: true,
        }
    }

    /// An error of a command that never left this process, so that nothing needs to be undone.
    #[must_use]
    pub fn unsent(kind: NodeErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            sent: false,
        }
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> NodeErrorKind {
        self.kind
    }

    /// The details, as the server or the operating system put them.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the command may have reached the node.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sent
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for NodeError {}

/// The kinds of [`NodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeErrorKind {
    /// No answer within the node timeout. The node may be slow, hung or cut off.
    Timeout,
    /// No connection could be made. Is the node running, and is the address right?
    Unreachable,
    /// The connection broke while the command was under way.
    Disconnected,
    /// Nothing has come back for so long that the node is not asked until it answers again.
    Unresponsive,
    /// More commands wait for this node than its queue takes.
    Overloaded,
    /// The user or password is wrong or missing. Check the node's URL.
    Authentication,
    /// The user may not run a command or touch a key that the lock needs. Check the ACL.
    Permission,
    /// The node is a replica, or refuses writes. Configure masters only.
    ReadOnly,
    /// The node is still loading its data.
    Loading,
    /// The node is out of memory. It must run with `maxmemory-policy noeviction`, and have room.
    OutOfMemory,
    /// What stands where the node keeps the resource's fencing counter is none: another type, no
    /// whole number, or one beyond 2^53. Delete that key if nothing else needs it.
    Counter,
    /// The server answered with another error.
    Server,
    /// The answer made no sense.
    Protocol,
    /// The session was shut down, or its runtime has ended.
    Closed,
}

impl fmt::Display for NodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no answer in time",
            Self::Unreachable => "cannot connect",
            Self::Disconnected => "connection lost",
            Self::Unresponsive => "node does not respond",
            Self::Overloaded => "too many commands waiting",
            Self::Authentication => "authentication failed",
            Self::Permission => "permission denied",
            Self::ReadOnly => "node refuses writes",
            Self::Loading => "node is loading its data",
            Self::OutOfMemory => "node is out of memory",
            Self::Counter => "the fencing counter is no counter",
            Self::Server => "server error",
            Self::Protocol => "unexpected answer",
            Self::Closed => "session closed",
        })
    }
}

/// The failure of one named node, as part of an error of a whole operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFailure {
    node: Arc<str>,
    error: NodeError,
}

impl NodeFailure {
    pub(crate) fn new(node: Arc<str>, error: NodeError) -> Self {
        Self { node, error }
    }

    /// The node's name: its address, without credentials.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// What went wrong there.
    #[must_use]
    pub fn error(&self) -> &NodeError {
        &self.error
    }
}

impl fmt::Display for NodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node, self.error)
    }
}

impl std::error::Error for NodeFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Shows failures behind a summary: ` (a: cannot connect; b: no answer in time)`.
pub(super) struct Causes<'a>(pub(super) &'a [NodeFailure]);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { " (" } else { "; " })?;
            write!(f, "{failure}")?;
        }
        if self.0.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}
