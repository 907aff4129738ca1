//! A distributed lock: held by one process at a time across a fleet, on independent Redis or
//! Valkey masters, and available while a minority of them is dead, slow or hung.
//!
//! # A guard
//!
//! ```no_run
//! use redlock::Redlock;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), redlock::Error> {
//! let nodes = ["redis://a:6379", "redis://b:6379", "redis://c:6379"];
//! let redlock = Redlock::connect(nodes).await?;
//!
//! let guard = redlock.lock("invoice:42").await?; // extends itself in the background
//! // … work …
//! drop(guard); // releases
//! # Ok(())
//! # }
//! ```
//!
//! # An attribute
//!
//! The body runs while the lock is held, and is cancelled if the lock is lost:
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use redlock::redlocked;
//!
//! # struct Invoice { id: u64 }
//! #[redlocked("invoice:{invoice.id}", ttl = "30s", wait = "5s")]
//! async fn charge(invoice: &Invoice) -> Result<(), redlock::Error> {
//!     // …
//!     Ok(())
//! }
//! # }
//! ```
//!
//! # Reading on
//!
//! - [`Redlock`]: the manager. [`RedlockBuilder`] has the options, with defaults and reasons.
//! - [`LockGuard`]: what holding a lock means, how it is lost, and how work is bound to it.
//! - [`LockError`]: why a lock was not acquired, and what to do about it.
//! - [`fence`]: what the protected system does with a token.
//! - [`guarantees`]: what is promised, on which assumptions, and what is not.
//! - [`node`]: the contract of a node, and nodes in memory for tests of your own.

mod acquire;
mod builder;
mod changes;
mod clock;
mod closing;
mod config;
mod distinct;
mod engine;
mod env;
mod error;
mod fencing;
mod gather;
mod global;
mod guard;
mod handover;
mod inspect;
mod lease;
mod lease_id;
mod line;
mod loss;
mod manager;
mod proposal;
mod quorum;
mod refusal;
mod request;
mod resource;
mod retry;
mod source;
mod standing;
mod status;
mod takeover;
mod token;
mod turn;
mod validity;
mod waiter;

pub mod fence;
pub mod guarantees;
pub mod node;

#[cfg(feature = "macros")]
#[doc(hidden)]
#[path = "macro_support.rs"]
pub mod __private;

pub use self::builder::{Connect, RedlockBuilder};
pub use self::error::{
    AlreadyInstalled, ConfigError, ConnectError, Error, ExtendError, InvalidRequest, LockError,
    LockLost, LossReason, NodeError, NodeErrorKind, NodeFailure, NodeRelease, ReleaseError,
    ReleaseOutcome, Released, UnlockError,
};
pub use self::guard::LockGuard;
pub use self::handover::{Lease, ParseLeaseError};
pub use self::lease_id::LeaseId;
pub use self::loss::Run;
pub use self::manager::Redlock;
pub use self::node::{Fault, MemoryNode, Node, NodeHealth, NodeReport, NodeWarning, RedisNode};
pub use self::request::LockRequest;
pub use self::resource::Resource;
pub use self::source::IntoNode;
pub use self::status::{LockState, NodeStatus, Status};
pub use self::token::FencingToken;
#[cfg(feature = "macros")]
pub use redlock_macros::redlocked;

/// The README's programs are run with the documentation's.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../README.md")]
struct Readme;
