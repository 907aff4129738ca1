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
mod config;
mod engine;
mod error;
mod guard;
mod lease;
mod lease_id;
mod manager;
mod one_or_many;
mod quorum;
mod resource;
mod sync;
mod time;
mod token;
mod waiting;

pub mod fence;
pub mod guide;
pub use self::guide::guarantees;
pub mod node;

#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod private;

pub use self::error::{
    AlreadyInstalled, ConfigError, ConnectError, Error, ExtendError, InvalidRequest, LockError,
    LockLost, LossReason, NodeError, NodeErrorKind, NodeFailure, NodeRelease, ReleaseError,
    ReleaseOutcome, Released, UnlockError,
};
pub use self::guard::LockGuard;
pub use self::guard::detached::{Lease, ParseLeaseError};
pub use self::guard::run::Run;
pub use self::lease_id::LeaseId;
pub use self::manager::Redlock;
pub use self::manager::builder::RedlockBuilder;
pub use self::manager::connect::Connect;
pub use self::manager::request::LockRequest;
pub use self::manager::status::{LockState, NodeStatus, Status};
pub use self::node::into_node::IntoNode;
pub use self::node::{Fault, MemoryNode, Node, NodeHealth, NodeReport, NodeWarning, RedisNode};
pub use self::resource::Resource;
pub use self::token::FencingToken;
#[cfg(feature = "macros")]
pub use redlock_macros::redlocked;

/// The README's programs are run with the documentation's.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../README.md")]
struct Readme;
