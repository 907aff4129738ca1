//! Real servers and fault injection for the tests of `redlock`.
//!
//! In reading order:
//!
//! - [`Server`] is one `redis-server` or `valkey-server` process. It can be paused, killed and
//!   restarted. [`Servers`] is a group of them.
//! - [`Probe`] queries a server over its own connection, bypassing the library, so that a test can
//!   check what is stored there.
//! - [`Proxy`] stands between the library and a server. It delays, holds, loses or resets traffic,
//!   as set by a [`Flow`] for each direction.
//! - [`Slow`] is a node whose commands are late. It keeps their order.
//! - [`Daemon`] is a server of another kind, in a [`Place`] of its own.
//! - [`Worker`] is a separate operating system process that takes locks.
//! - [`eventually()`] waits for a condition and fails the test if it does not hold in time.
//!
//! Every type cleans up after itself: on drop, when a test panics, and when the test process is
//! killed by a signal it cannot catch. The harness requires Unix.
//!
//! A broken setup panics with the reason: no server on `PATH`, or a server that does not start. It
//! never skips the test, because a skipped test counts as passed. Starting, stopping and probing
//! block the calling thread for some milliseconds. Tests whose leases must be extended meanwhile
//! need the multi-threaded runtime.

#![cfg(unix)]

mod binary;
mod builder;
mod cluster;
mod daemon;
mod eventually;
mod flow;
mod port;
mod probe;
mod process;
mod proxy;
mod push_filter;
mod relay;
mod server;
mod slow;
mod worker;

#[cfg(test)]
mod tests;

pub use builder::ServerBuilder;
pub use cluster::Servers;
pub use daemon::{Daemon, Place};
pub use eventually::eventually;
pub use flow::Flow;
pub use probe::Probe;
pub use proxy::Proxy;
pub use server::Server;
pub use slow::Slow;
pub use worker::Worker;
