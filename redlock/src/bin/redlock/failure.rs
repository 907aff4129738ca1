//! Why the command ends without having done what it was told, as a text and an exit code.

use std::fmt;

use redlock::{ConfigError, ConnectError, InvalidRequest, LockError, LockLost};
use rustix::process::Signal;

/// A summary, a line for each node that matters, and an exit code.
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

    /// What was asked for makes no sense.
    pub(crate) fn usage(summary: impl fmt::Display) -> Self {
        Self::new(USAGE, summary)
    }

    /// The lock could not be given to whoever asked.
    pub(crate) fn not_obtained(summary: impl fmt::Display) -> Self {
        Self::new(NOT_OBTAINED, summary)
    }

    /// Too few nodes did what they were asked.
    pub(crate) fn nodes(
        summary: impl fmt::Display,
        causes: impl IntoIterator<Item = impl fmt::Display>,
    ) -> Self {
        Self {
            causes: causes.into_iter().map(|it| it.to_string()).collect(),
            ..Self::new(NO_QUORUM, summary)
        }
    }

    /// The operating system refused something it usually does not.
    pub(crate) fn system(summary: impl fmt::Display) -> Self {
        Self::new(NO_QUORUM, summary)
    }

    /// A signal ended the wait.
    pub(crate) fn interrupted(signal: Signal) -> Self {
        let number = signal.as_raw();
        let code = 128 + u8::try_from(number).unwrap_or_default();
        Self::new(code, format!("interrupted by signal {number}"))
    }

    /// The command cannot be run.
    pub(crate) fn command(code: u8, summary: impl fmt::Display) -> Self {
        Self::new(code, summary)
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Whether somebody else has the lock.
    pub(crate) fn is_busy(&self) -> bool {
        self.code == NOT_OBTAINED
    }
}

impl fmt::Display for Failure {
    /// One line for the summary, and one for each node.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redlock: {}", self.summary)?;
        self.causes
            .iter()
            .try_for_each(|cause| write!(f, "\n  {cause}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(USAGE, error)
    }
}

impl From<InvalidRequest> for Failure {
    fn from(error: InvalidRequest) -> Self {
        Self::new(USAGE, error)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Config(_) | ConnectError::SameServer { .. } => Self::new(USAGE, error),
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
            } => Self::nodes(
                format!("no quorum: {granted} of {nodes} nodes granted, {needed} needed"),
                failures.iter(),
            ),
            LockError::Invalid(_) => Self::new(USAGE, error),
            _ => Self::new(NO_QUORUM, error),
        }
    }
}

impl From<LockLost> for Failure {
    fn from(lost: LockLost) -> Self {
        Self::new(LOST, lost)
    }
}

/// Somebody else holds the lock, or what was asked about is free.
pub(crate) const NOT_OBTAINED: u8 = 1;

/// What was asked for makes no sense.
const USAGE: u8 = 2;

/// The nodes did not do what they were asked.
pub(crate) const NO_QUORUM: u8 = 3;

/// The lock was lost while it was needed.
const LOST: u8 = 4;
