//! Real servers, and ways to mistreat them, for the tests of `redlock`.
//!
//! In reading order:
//!
//! - [`Server`] is one `redis-server` or `valkey-server` process, which can be paused, killed and
//!   restarted; [`Servers`] is several of them.
//! - [`Probe`] looks at a server past the library, so that a test can say what is really there.
//! - [`Proxy`] is a proxy between the library and a server that delays, holds, loses and resets
//!   what passes through it, as its [`Flow`]s say.
//! - [`Worker`] is another operating system process that takes locks.
//! - [`eventually()`] waits for a condition, and fails the test when it does not come true.
//!
//! Everything here cleans up after itself: on drop, when a test panics, and when the test process
//! is killed with a signal it cannot catch. The harness is for Unix.
//!
//! A broken set-up (no server on `PATH`, a server that does not start) panics with the reason; it
//! never makes a test pass by skipping it. Starting, stopping and probing block the calling thread
//! for some milliseconds. A test whose leases must be extended meanwhile uses the multi-threaded
//! runtime.

mod binary;
mod builder;
mod cluster;
mod eventually;
mod flow;
mod port;
mod probe;
mod process;
mod proxy;
mod push_filter;
mod relay;
mod server;
mod worker;

#[cfg(test)]
mod tests;

pub use builder::ServerBuilder;
pub use cluster::Servers;
pub use eventually::eventually;
pub use flow::Flow;
pub use probe::Probe;
pub use proxy::Proxy;
pub use server::Server;
pub use worker::Worker;
