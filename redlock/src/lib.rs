//! Distributed locks for Rust, backed by a quorum of independent Redis or Valkey servers.
//!
//! A lock survives the loss of a minority of servers, extends itself while you work, and signals
//! you before it expires.
//!
//! # The guard
//!
//! [`Redlock::connect`] makes a manager from the addresses of the servers. [`Redlock::lock`]
//! requests a lock, and waits while another caller holds it. The lock is a [`LockGuard`]: it
//! extends itself in the background, and dropping it releases the lock.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use redlock::Redlock;
//!
//! # async fn charge(invoice: u64, token: redlock::FencingToken) {}
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), redlock::Error> {
//! let servers = ["redis://a:6379", "redis://b:6379", "redis://c:6379"];
//! let redlock = Redlock::connect(servers).await?;
//!
//! let guard = redlock.lock("invoice:42").wait(Duration::from_secs(5)).await?;
//! guard.run(charge(42, guard.token())).await?; // cancelled if the lock is lost
//! drop(guard); // releases the lock
//! # Ok(())
//! # }
//! ```
//!
//! [`guard.token()`](LockGuard::token) is a fencing token. A system that remembers the largest token
//! refuses the late write of an earlier holder: see [`fence`].
//!
//! # The attribute
//!
//! `#[redlocked]` runs an `async fn` under a lock. Like [`run`](LockGuard::run), it cancels the body
//! if the lock is lost.
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use redlock::redlocked;
//!
//! # struct Invoice { id: u64 }
//! #[redlocked("invoice:{invoice.id}", ttl = "30s", wait = "5s")]
//! async fn charge(invoice: &Invoice) -> Result<(), redlock::Error> {
//!     // One process at a time gets here for one invoice.
//!     Ok(())
//! }
//! # }
//! ```
//!
//! The attribute takes its manager from an argument, from [`Redlock::scope`], or from
//! [`Redlock::install_global`].
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `macros` | yes | The `#[redlocked]` attribute. |
//! | `tls-rustls` | no | `rediss://` addresses, through rustls. The cryptography is ring's, unless the application installs another provider. |
//! | `tls-native` | no | `rediss://` addresses, through the system's TLS library: OpenSSL on Linux, with its headers at build time. |
//! | `cli` | no | The `redlock` command, on Unix. |
//!
//! With both TLS features, connections use rustls.
//!
//! # Reading order
//!
//! 1. [`Redlock`]: the manager. It connects, takes locks, and reports the state of locks and
//!    servers.
//! 2. [`RedlockBuilder`] and [`LockRequest`]: the options of a manager and of one request, with
//!    their defaults and the reasons for them.
//! 3. [`LockGuard`]: a held lock, how it is lost, and how to bind work to it.
//! 4. [`LockError`]: why a lock was not acquired, and what to do about it.
//! 5. [`guide`]: guarantees, waiting, fencing, operations, testing, comparison.
//! 6. [`fence`]: how a protected system checks fencing tokens, with recipes.
//! 7. [`MemoryNode`] and [`node`]: nodes in memory for your own tests, and the contract of a node.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod acquire;
mod config;
mod engine;
mod error;
mod guard;
mod label;
mod lease;
mod lease_id;
mod manager;
mod one_or_many;
mod quorum;
mod random;
mod resource;
mod sync;
mod time;
mod token;
mod waiting;

pub mod fence;
pub mod guide;
pub mod node;

#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod private;

pub use self::manager::Redlock;
pub use self::manager::broken::Broken;
pub use self::manager::builder::RedlockBuilder;
pub use self::manager::connect::Connect;
pub use self::manager::request::LockRequest;
pub use self::manager::shutdown::Drained;
pub use self::manager::status::{LockState, NodeStatus, Status};

pub use self::guard::LockGuard;
pub use self::guard::detached::{Lease, ParseLeaseError};
pub use self::guard::run::{Run, RunOwned};

pub use self::lease_id::LeaseId;
pub use self::resource::Resource;
pub use self::token::FencingToken;

pub use self::error::{
    AlreadyInstalled, ConfigError, ConnectError, Error, ExtendError, InvalidRequest, LockError,
    LockLost, LossReason, NodeError, NodeErrorKind, NodeFailure, NodeRelease, ReleaseError,
    ReleaseOutcome, Released, UnlockError,
};

pub use self::node::into_node::IntoNode;
#[doc(inline)]
pub use self::node::{Fault, MemoryNode, Node, NodeHealth, NodeReport, NodeWarning, RedisNode};

#[doc(inline)]
pub use self::guide::guarantees;

#[cfg(feature = "macros")]
#[doc(inline)]
pub use redlock_macros::redlocked;

/// Runs the programs of the README as doctests.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../README.md")]
struct Readme;
