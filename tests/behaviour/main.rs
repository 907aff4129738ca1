//! What a user of the library sees, on nodes in memory and on paused time.
//!
//! - `acquire`: when a lock is granted, and what stands in the way when it is not
//! - `rounds`: what is sent to the nodes, command by command
//! - `waiting`: how long a request goes on, and what it finds then
//! - `cancellation`: requests that are dropped at every point
//! - `holding`: extension, the deadline, and the end of a lease
//! - `renewals`: the extensions of many locks
//! - `running`: work that is bound to a lease
//! - `release`: drop, release, and what they report
//! - `hold_at_least`: locks that are kept for a while after their release
//! - `several`: several resources as one lock
//! - `handover`: leases that change hands
//! - `inspection`: status and health
//! - `configuration`: options and input that make no sense
//! - `stalling`: tasks that are not run in time
//! - `runtimes`: one manager in several runtimes, and in none
//! - `exclusion`: random schedules with faults
//! - `fencing`: tokens, and how they are minted
//! - `token_order`: random schedules with faults: tokens are unique and in order
//! - `attribute`: `#[redlocked]`
//! - `parity`: the table of the README
//! - `auto_traits`: what can be sent, shared and moved

mod acquire;
mod attribute;
mod auto_traits;
mod cancellation;
mod common;
mod configuration;
mod exclusion;
mod fencing;
mod handover;
mod hold_at_least;
mod holding;
mod inspection;
mod parity;
mod queue;
mod recorder;
mod release;
mod renewals;
mod rounds;
mod running;
mod runtimes;
mod several;
mod stalling;
mod token_order;
mod waiting;
