//! Benchmarks of `redlock` and its peers.
//!
//! Each benchmark is a separate program in this directory:
//!
//! - `uncontended`: the cost of a lock without contention
//! - `held`: the cost of a hundred thousand guards that extend themselves
//! - `profile`: allocations, polls, commands and instructions of one lock
//! - `contended`: the cost of waiting for a lock, among tasks and among processes
//! - `in_process`: the cost of a lock without servers
//! - `run`: what the command `redlock run` adds to a child
//!
//! `cargo bench -p redlock-benches --bench uncontended` runs one of them. With `-- --quick` it
//! takes a few seconds, but its figures are meaningless. The programs share these types:
//!
//! - [`Args`] is the parsed command line.
//! - [`Contender`] is a client that takes locks. [`Bare`] is the client library alone.
//! - [`Raw`] is the limit to measure against, which has no tasks. [`Runner`] is either, with what
//!   runs it.
//! - [`Load`] is the work of a contender, and [`Outcome`] its measurements. [`Meter`] reads the
//!   servers' statistics, and [`Usage`] those of this process.
//! - [`Postgres`] and [`Etcd`] are locks of other stores, with their servers.
//! - [`DelayProxy`] stands for a network between contender and servers.
//! - [`Results`] holds all outcomes by [`Case`]. [`Sample`] computes medians and percentiles.
//! - [`Goal`] is a figure with its target.
//! - [`Json`] and [`Chart`] are the output formats. [`mod@file`] writes them. [`machine`] says where
//!   the figures come from.

mod args;
mod bare;
mod chart;
mod contender;
mod delay_proxy;
pub mod file;
mod goal;
mod json;
mod load;
pub mod machine;
mod raw;
mod results;
mod runner;
mod sample;
mod stores;
mod traffic;
mod usage;

pub use args::Args;
pub use bare::Bare;
pub use chart::{Chart, Panel, Series};
pub use contender::Contender;
pub use delay_proxy::DelayProxy;
pub use goal::Goal;
pub use json::Json;
pub use load::{Load, Outcome};
pub use raw::Raw;
pub use results::{Case, Results};
pub use runner::Runner;
pub use sample::Sample;
pub use stores::{Etcd, EtcdCluster, Postgres, PostgresServer};
pub use traffic::{Meter, Traffic};
pub use usage::Usage;
