//! The failure of one node.

use std::fmt;
use std::sync::Arc;

use crate::error::quoted::quoted;

/// The reason why a command failed on one node.
///
/// It never contains a password: credentials are removed from addresses first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeError {
    kind: NodeErrorKind,
    message: Arc<str>,
    sent: bool,
}

impl NodeError {
    /// Creates the error of a command that was sent, and may have been carried out.
    #[must_use]
    pub fn new(kind: NodeErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: quoted(message),
            sent: true,
        }
    }

    /// Creates the error of a command that never left this process. Nothing needs to be undone.
    #[must_use]
    pub fn unsent(kind: NodeErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: quoted(message),
            sent: false,
        }
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> NodeErrorKind {
        self.kind
    }

    /// The details, in the words of the server or the operating system. May be empty.
    ///
    /// It is one line: control characters are escaped.
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
    /// No response arrived within the node timeout. The node may be slow, hung or cut off.
    Timeout,
    /// No connection could be made. Check that the node is running, and that the address is right.
    Unreachable,
    /// The connection broke while the command was in flight.
    Disconnected,
    /// The node has been silent for too long with commands in flight. Commands fail at once until
    /// it responds again.
    Unresponsive,
    /// The queue of commands for this node is full.
    Overloaded,
    /// The user or the password is wrong or missing. Check the URL of the node.
    Authentication,
    /// The user lacks a right that the lock needs, to a command or a key. Check the ACL.
    Permission,
    /// The node is a replica, or refuses writes. Configure masters only.
    ReadOnly,
    /// The server is of a kind that cannot be a node: a Sentinel, or a member of a Redis Cluster.
    /// Configure standalone masters.
    Unsuitable,
    /// The node is still loading its data. Try again later.
    Loading,
    /// The node is out of memory. Give it more, and set `maxmemory-policy noeviction`.
    OutOfMemory,
    /// The key of the resource's token counter holds something else: another type, not an integer,
    /// or one that is not below 2^53. Delete that key if nothing else needs it.
    Counter,
    /// The server responded with another error, which is in the message.
    Server,
    /// The connection ended before the command was sent. The command was not sent over the next one:
    /// behind it may be another server, or one that has lost its data. The manager identifies the
    /// node, and sends the command again if it is still wanted.
    Reconnected,
    /// The node may have lost its data since the command was sent, so its grant does not count. The
    /// grant is released. Try again.
    DataLost,
    /// The node may have lost locks, and has no vote until they have expired. The message says why,
    /// and for how long. See [`restart_quarantine`](crate::RedlockBuilder::restart_quarantine).
    Quarantined,
    /// The node belongs to another deployment, or is another configured node under a second name.
    /// The message says which. Configure the same independent nodes in all processes, or see
    /// [changing the nodes](crate::guide::operations#changing-the-nodes).
    Misplaced,
    /// The response could not be understood.
    Protocol,
    /// The session was shut down, or its runtime has ended.
    Closed,
    /// The node reported that it does not hold the keys: one is gone, or belongs to another owner.
    NotHeld,
    /// The node reported that a key belongs to another owner.
    Taken,
}

impl fmt::Display for NodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no response in time",
            Self::Unreachable => "cannot connect",
            Self::Disconnected => "connection lost",
            Self::Unresponsive => "node does not respond",
            Self::Overloaded => "too many commands are queued",
            Self::Authentication => "authentication failed",
            Self::Permission => "permission denied",
            Self::ReadOnly => "node refuses writes",
            Self::Unsuitable => "server cannot be a node",
            Self::Loading => "node is loading its data",
            Self::OutOfMemory => "node is out of memory",
            Self::Counter => "fencing counter is corrupt: expected an integer below 2^53",
            Self::Server => "server error",
            Self::Reconnected => "the connection was replaced",
            Self::DataLost => "node may have lost its data",
            Self::Quarantined => "node is in quarantine",
            Self::Misplaced => "node does not belong here",
            Self::Protocol => "unexpected response",
            Self::Closed => "session closed",
            Self::NotHeld => "key is gone or belongs to another owner",
            Self::Taken => "key belongs to another owner",
        })
    }
}

/// The failure of one named node, as part of the error of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFailure {
    node: Arc<str>,
    error: NodeError,
}

impl NodeFailure {
    pub(crate) fn new(node: Arc<str>, error: NodeError) -> Self {
        Self { node, error }
    }

    /// The name of the node: its address, without credentials.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The error of that node.
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

/// Displays failures behind a summary: ` (a: cannot connect; b: no response in time)`.
pub(super) struct Causes<'a>(pub(super) &'a [NodeFailure]);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", CauseList(self.0))
    }
}

/// Displays failures alone: `a: cannot connect; b: no response in time`.
pub(crate) struct CauseList<'a>(pub(crate) &'a [NodeFailure]);

impl fmt::Display for CauseList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{failure}")?;
        }
        Ok(())
    }
}
