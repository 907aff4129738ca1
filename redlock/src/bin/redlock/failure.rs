//! Failures of the command, each with a kind and a message.

use std::fmt;

use redlock::{ConfigError, ConnectError, InvalidRequest, LockError, LockLost};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::ending::Ending;

/// A kind, a summary, and a line for each node concerned.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: FailureKind,
    summary: String,
    causes: Vec<String>,
}

/// The kind of a failure. Each verb has an exit code for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The arguments or the node addresses are invalid.
    Usage,
    /// The lock was not obtained: another process holds it.
    NotObtained,
    /// Too few nodes carried out the request, or the operating system refused one.
    NoQuorum,
    /// The lock was lost: while the command of `run` ran, or before it was extended.
    Lost,
    /// A signal ended the wait for a lock.
    Interrupted(Signal),
}

impl Failure {
    fn new(kind: FailureKind, summary: impl fmt::Display) -> Self {
        Self {
            kind,
            summary: summary.to_string(),
            causes: Vec::new(),
        }
    }

    /// Creates the failure for invalid arguments or addresses.
    pub(crate) fn usage(summary: impl fmt::Display) -> Self {
        Self::new(FailureKind::Usage, summary)
    }

    /// Creates the failure for a lock that was not obtained.
    pub(crate) fn not_obtained(summary: impl fmt::Display) -> Self {
        Self::new(FailureKind::NotObtained, summary)
    }

    /// Creates the failure for too few successful nodes, with the cause at each of the others.
    pub(crate) fn nodes(
        summary: impl fmt::Display,
        causes: impl IntoIterator<Item = impl fmt::Display>,
    ) -> Self {
        Self {
            causes: causes.into_iter().map(|it| it.to_string()).collect(),
            ..Self::new(FailureKind::NoQuorum, summary)
        }
    }

    /// Creates the failure for an unexpected error, such as one of the operating system.
    pub(crate) fn system(summary: impl fmt::Display) -> Self {
        Self::new(FailureKind::NoQuorum, summary)
    }

    /// Creates the failure for a stdout that is closed or full.
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(crate) fn stdout(error: std::io::Error) -> Self {
        Self::system(format!("cannot print: {error}"))
    }

    /// Creates the failure for a wait that a signal ended.
    pub(crate) fn interrupted(signal: Signal) -> Self {
        let summary = format!("interrupted by signal {}", signal.as_raw());
        Self::new(FailureKind::Interrupted(signal), summary)
    }

    /// Creates the failure for a lock that was lost while the command ran.
    pub(crate) fn lost(summary: impl fmt::Display) -> Self {
        Self::new(FailureKind::Lost, summary)
    }

    /// Creates the failure for a lock whose end came near, with the cause at each node.
    pub(crate) fn not_extended(
        name: impl fmt::Display,
        reason: impl fmt::Display,
        causes: impl IntoIterator<Item = impl fmt::Display>,
    ) -> Self {
        Self {
            kind: FailureKind::Lost,
            ..Self::nodes(
                format!("lost the lock on {name}: not extended: {reason}"),
                causes,
            )
        }
    }

    pub(crate) fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The end of every verb but `run`.
    pub(crate) fn ending(&self) -> Ending {
        match self.kind {
            FailureKind::Usage => USAGE.into(),
            FailureKind::NotObtained | FailureKind::Lost => NOT_OBTAINED.into(),
            FailureKind::NoQuorum => NO_QUORUM.into(),
            FailureKind::Interrupted(signal) => Ending::Signal(signal),
        }
    }

    /// The failure as a JSON object.
    pub(crate) fn json(&self) -> Value {
        let outcome = match self.kind {
            FailureKind::Usage => "usage",
            FailureKind::NotObtained => "busy",
            FailureKind::NoQuorum => "no-quorum",
            FailureKind::Lost => "lost",
            FailureKind::Interrupted(_) => "interrupted",
        };
        json!({ "outcome": outcome, "error": self.summary, "nodes": self.causes })
    }

    /// Adds what may be the cause to a failure to acquire `name`: it is the lock of this very command.
    pub(crate) fn explained_for(mut self, name: &str) -> Self {
        let is_own = std::env::var("REDLOCK_RESOURCE").is_ok_and(|outer| outer == name);
        if self.is_busy() && is_own {
            self.summary.push_str(OWN);
        }
        self
    }

    /// Whether another process holds the lock.
    pub(crate) fn is_busy(&self) -> bool {
        self.kind == FailureKind::NotObtained
    }
}

impl fmt::Display for Failure {
    /// Writes one line for the summary and one for each node.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redlock: {}", self.summary)?;
        self.causes
            .iter()
            .try_for_each(|cause| write!(f, "\n  {cause}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Ttl(error) => error.into(),
            ConfigError::Address {
                index,
                address,
                reason,
            } => {
                let summary = format!(
                    "--redis: URL {}, `{address}`, is invalid: {reason}",
                    index + 1
                );
                Self::new(FailureKind::Usage, summary)
            }
            _ => Self::new(FailureKind::Usage, error),
        }
    }
}

impl From<InvalidRequest> for Failure {
    fn from(error: InvalidRequest) -> Self {
        match error {
            InvalidRequest::TtlTooLong { .. } | InvalidRequest::HoldTooLong { .. } => Self::new(
                FailureKind::Usage,
                format!(
                    "{error}: set REDLOCK_MAX_TTL for all processes that use the same nodes, or \
                     choose a shorter time"
                ),
            ),
            _ => Self::new(FailureKind::Usage, error),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Config(error) => error.clone().into(),
            ConnectError::SameServer { .. } => Self::new(FailureKind::Usage, error),
            ConnectError::NoQuorum {
                usable,
                needed,
                nodes,
                failures,
            } => Self::nodes(
                format!("no quorum: {usable} of {nodes} nodes are usable, {needed} needed"),
                failures.iter(),
            ),
            _ => Self::new(FailureKind::NoQuorum, error),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match &error {
            LockError::Busy { .. } => Self::not_obtained(error),
            LockError::NoQuorum {
                granted,
                needed,
                nodes,
                failures,
                ..
            } => Self::nodes(
                format!("no quorum: {granted} of {nodes} nodes granted, {needed} needed"),
                failures.iter(),
            ),
            LockError::Invalid(error) => error.clone().into(),
            _ => Self::new(FailureKind::NoQuorum, error),
        }
    }
}

impl From<LockLost> for Failure {
    fn from(lost: LockLost) -> Self {
        Self::lost(lost)
    }
}

const OWN: &str =
    ": this process runs under a lock of that name, which `redlock run` releases after it";

/// Exit code: another process holds the lock, or `status` found it free.
pub(crate) const NOT_OBTAINED: u8 = 1;

/// Exit code of `nodes` and `check`: locks can be had, but something needs attention.
pub(crate) const ATTENTION: u8 = 1;

/// Exit code: the arguments or the node addresses are invalid.
const USAGE: u8 = 2;

/// Exit code: too few nodes carried out the request.
pub(crate) const NO_QUORUM: u8 = 3;

/// Exit code: `status` found keys on too many nodes for an acquisition, but no holder.
pub(crate) const TAKEN: u8 = 5;
