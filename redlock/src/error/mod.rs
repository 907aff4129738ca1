//! Errors, one type for each operation.
//!
//! Every error is cheap to clone, has at most 64 bytes, and says what the caller can do about it.
//! The types of the client library never appear in a signature.

use std::borrow::Cow;
use std::time::Duration;

mod config;
pub(crate) mod invalid;
mod lock;
mod lost;
mod node;
mod quoted;
mod report;

pub use self::config::{AlreadyInstalled, ConfigError, ConnectError};
pub use self::invalid::InvalidRequest;
pub use self::lock::LockError;
pub use self::lost::{LockLost, LossReason};
pub(crate) use self::node::CauseList;
pub use self::node::{NodeError, NodeErrorKind, NodeFailure};
pub(crate) use self::quoted::quoted;
pub(crate) use self::report::ReleaseOutcomes;
pub use self::report::{
    ExtendError, NodeRelease, ReleaseError, ReleaseOutcome, Released, UnlockError,
};

/// Any error of this crate.
///
/// `?` converts the error of every operation on a manager or a guard into it. A function with
/// `#[redlocked]` can return any error type that is made from it:
///
/// ```
/// # #[derive(Debug)] struct Receipt;
/// #[derive(Debug)]
/// enum ChargeError {
///     Lock(redlock::Error),
///     Declined,
/// }
///
/// impl From<redlock::Error> for ChargeError {
///     fn from(error: redlock::Error) -> Self {
///         Self::Lock(error)
///     }
/// }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[error(transparent)]
pub enum Error {
    /// A lock could not be acquired, or was lost while it was held.
    Lock(#[from] LockError),
    /// A lease could not be extended.
    Extend(#[from] ExtendError),
    /// A release could not be confirmed.
    Release(#[from] ReleaseError),
    /// A release by id could not be confirmed.
    Unlock(#[from] UnlockError),
    /// A manager could not connect.
    Connect(#[from] ConnectError),
    /// A manager could not be configured.
    Config(#[from] ConfigError),
    /// A second manager could not be installed for the process.
    Install(#[from] AlreadyInstalled),
}

impl Error {
    /// Whether another owner holds the lock.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Lock(error) if error.is_busy())
    }

    /// Whether too few nodes responded, or the manager was shut down before it acquired a lock.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Lock(error) => error.is_unavailable(),
            Self::Extend(error) => matches!(error, ExtendError::NoQuorum { .. }),
            Self::Release(_) | Self::Unlock(UnlockError::NoQuorum { .. }) => true,
            Self::Connect(error) => matches!(error, ConnectError::NoQuorum { .. }),
            Self::Unlock(_) | Self::Config(_) | Self::Install(_) => false,
        }
    }

    /// The time after which another attempt may succeed, if it is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Lock(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The nodes that failed, with their causes.
    #[must_use]
    pub fn failures(&self) -> Cow<'_, [NodeFailure]> {
        match self {
            Self::Lock(error) => error.failures().into(),
            Self::Extend(ExtendError::Lost(lost)) => lost.failures().into(),
            Self::Extend(ExtendError::NoQuorum { failures, .. })
            | Self::Connect(ConnectError::NoQuorum { failures, .. }) => (&**failures).into(),
            Self::Release(error) => error.report().failures().into(),
            Self::Unlock(UnlockError::NoQuorum { report }) => report.failures().into(),
            _ => Cow::default(),
        }
    }

    /// Whether the lock was held and then lost.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(
            self,
            Self::Lock(LockError::Lost(_)) | Self::Extend(ExtendError::Lost(_))
        )
    }
}

impl From<LockLost> for Error {
    fn from(lost: LockLost) -> Self {
        Self::Lock(LockError::Lost(lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A large error makes every `Result` that carries it large.
    #[test]
    fn errors_are_at_most_64_bytes() {
        assert!(size_of::<Error>() <= 64, "{}", size_of::<Error>());
        assert!(size_of::<LockError>() <= 64, "{}", size_of::<LockError>());
        assert!(
            size_of::<ConnectError>() <= 64,
            "{}",
            size_of::<ConnectError>()
        );
        assert!(
            size_of::<ConfigError>() <= 64,
            "{}",
            size_of::<ConfigError>()
        );
    }

    #[test]
    fn errors_are_send_sync_and_clone() {
        fn check<T: std::error::Error + Clone + Send + Sync + 'static>() {}
        check::<Error>();
        check::<LockError>();
        check::<LockLost>();
        check::<ExtendError>();
        check::<ReleaseError>();
        check::<UnlockError>();
        check::<ConnectError>();
        check::<ConfigError>();
        check::<NodeError>();
        check::<NodeFailure>();
    }
}
