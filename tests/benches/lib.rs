//! Benchmarks of `redlock` against its peers. Each is a program of its own in this directory:
//!
//! - `uncontended`: what a lock costs that nobody else wants
//! - `held`: what a hundred thousand guards cost that extend themselves
//! - `profile`: what one lock takes in memory, polls and commands
//! - `contended`: what waiting for a lock costs, among tasks and among processes
//! - `in_process`: what is left when there are no servers
//!
//! `cargo bench -p redlock-benches --bench uncontended` runs one, with `-- --quick` in a few
//! seconds, whose figures mean nothing. What they share:
//!
//! - [`Args`] is what a benchmark was told on its command line.
//! - [`Contender`] is somebody who locks; [`Bare`] is the limit to measure by.
//! - [`Load`] is what is put on a contender, [`Outcome`] what came of it, [`Meter`] what the servers
//!   have to say about it, and [`Usage`] what it took of this process.
//! - [`Results`] has all of it, by [`Case`]; [`Sample`] knows what a median is.
//! - [`Goal`] is a figure and what it ought to be.
//! - [`Json`] and [`Chart`] are how results are kept, in the [`mod@file`]s of a benchmark.

mod args;
mod bare;
mod chart;
mod contender;
pub mod file;
mod goal;
mod json;
mod load;
mod results;
mod sample;
mod traffic;
mod usage;

pub use args::Args;
pub use bare::Bare;
pub use chart::{Chart, Panel, Series};
pub use contender::Contender;
pub use goal::Goal;
pub use json::Json;
pub use load::{Load, Outcome};
pub use results::{Case, Results};
pub use sample::Sample;
pub use traffic::{Meter, Traffic};
pub use usage::Usage;
