//! Benchmarks of `redlock` against its peers. Each is a program of its own beside this file:
//!
//! - `uncontended`: what a lock costs that nobody else wants
//!
//! `cargo bench -p redlock-benches`
