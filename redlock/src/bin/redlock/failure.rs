//! Failures of the command, each with a message and an exit code.

use std::fmt;

use redlock::{ConfigError, ConnectError, InvalidRequest, LockError, LockLost};
use rustix::process::Signal;

/// An exit code, a summary, and a line for each node concerned.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    summary: String,
    causes: Vec<String>,
}

impl Failure {
    fn new(code: u8, summary: impl fmt::Display) -> Self {
        Self {
            code,
            summary: summary.to_string(),
            causes: Vec::new(),
        }
    }

    /// Creates the failure for invalid arguments or addresses.
    pub(crate) fn usage(summary: impl fmt::Display) -> Self {
        Self::new(USAGE, summary)
    }

    /// Creates the failure for a lock that was not obtained.
    pub(crate) fn not_obtained(summary: impl fmt::Display) -> Self {
        Self::new(NOT_OBTAINED, summary)
    }

    /// Creates the failure for too few successful nodes, with the cause at each of the others.
    pub(crate) fn nodes(
        summary: impl fmt::Display,
        causes: impl IntoIterator<Item = impl fmt::Display>,
    ) -> Self {
        Self {
            causes: causes.into_iter().map(|it| it.to_string()).collect(),
            ..Self::new(NO_QUORUM, summary)
        }
    }

    /// Creates the failure for an unexpected error, such as one of the operating system.
    pub(crate) fn system(summary: impl fmt::Display) -> Self {
        Self::new(NO_QUORUM, summary)
    }

    /// Creates the failure for a stdout that is closed or full.
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(crate) fn stdout(error: std::io::Error) -> Self {
        Self::system(format!("cannot print: {error}"))
    }

    /// Creates the failure for a wait that a signal ended.
    pub(crate) fn interrupted(signal: Signal) -> Self {
        let number = signal.as_raw();
        let code = 128 + u8::try_from(number).unwrap_or_default();
        Self::new(code, format!("interrupted by signal {number}"))
    }

    /// Creates the failure for a command that cannot be started.
    pub(crate) fn command(code: u8, summary: impl fmt::Display) -> Self {
        Self::new(code, summary)
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Whether another process holds the lock.
    pub(crate) fn is_busy(&self) -> bool {
        self.code == NOT_OBTAINED
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
                Self::new(USAGE, summary)
            }
            _ => Self::new(USAGE, error),
        }
    }
}

impl From<InvalidRequest> for Failure {
    fn from(error: InvalidRequest) -> Self {
        match error {
            InvalidRequest::TtlTooLong { .. } | InvalidRequest::HoldTooLong { .. } => Self::new(
                USAGE,
                format!(
                    "{error}: set REDLOCK_MAX_TTL for all processes that use the same nodes, or \
                     choose a shorter time"
                ),
            ),
            _ => Self::new(USAGE, error),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Config(error) => error.clone().into(),
            ConnectError::SameServer { .. } => Self::new(USAGE, error),
            ConnectError::NoQuorum {
                usable,
                needed,
                nodes,
                failures,
            } => Self::nodes(
                format!("no quorum: {usable} of {nodes} nodes are usable, {needed} needed"),
                failures.iter(),
            ),
            _ => Self::new(NO_QUORUM, error),
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
            _ => Self::new(NO_QUORUM, error),
        }
    }
}

impl From<LockLost> for Failure {
    fn from(lost: LockLost) -> Self {
        Self::new(LOST, lost)
    }
}

/// Exit code: another process holds the lock, or `status` found it free.
pub(crate) const NOT_OBTAINED: u8 = 1;

/// Exit code: the arguments or the node addresses are invalid.
const USAGE: u8 = 2;

/// Exit code: too few nodes carried out the request.
pub(crate) const NO_QUORUM: u8 = 3;

/// Exit code: the lock was lost while the command ran.
const LOST: u8 = 4;

/// Exit code: `status` found keys on too many nodes for an acquisition, but no holder.
pub(crate) const TAKEN: u8 = 5;
