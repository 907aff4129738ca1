//! Simulation of the waiting list: liveness, with hung and dead waiters and lost messages.
//!
//! Contenders wait for one lock on three or five nodes, in virtual time. A schedule is drawn from a
//! seed: arrivals, the delay of each message, jitter and faults. Messages on a connection keep their
//! order.
//!
//! - `node`: a node, with the key, the waiting list, the reservation and the scripts
//! - `contender`, `round`, `timers`: a contender, as the only one of its process
//! - `message`: requests, responses and pushes
//! - `rules`: the rules, and the constants
//! - `fault`, `scenario`: what fails, and who waits for how long
//! - `world`, `random`: the simulation
//! - `verdict`: the required properties
//! - `trials`: simulations with many seeds
//! - `holds`, `mutants`: trials with the right rules, and with a mistake in them
//!
//! # Bound
//!
//! In every simulation, one contender at most holds the lock, and every live waiter gets it. No
//! reservation lasts longer than 10 ms. In the end, no node is reserved, and no list names a contender
//! that was served or cancelled. A contender waits no longer than the sum of
//!
//! - the holds of the turns ahead of it, from the moment at which it began to wait,
//! - `4 * D + 4 ms` for each of these turns and for its own, where `D` is the longest delay of a
//!   message, and for each newcomer, whose first attempt may split the votes of a round,
//! - `3 * D` for each waiter that is cancelled,
//! - `12 ms + 2 * D` for each waiter that hangs, for each lost hint to another waiter, and for every
//!   16 waiters that die,
//! - 5 s, the longest poll interval, for each hint to itself that is lost, and for each list or
//!   recheck that is lost with its node or its client,
//! - a ttl and 5 s for each contender that hangs or dies while nodes have a key of it,
//! - 1.5 s if waiters disagree on their order. This part is measured, not derived: rounds that split
//!   the votes are repeated after random delays.
//!
//! The turns ahead include those of newcomers that overtake.
//!
//! The suite runs each trial with 50 seeds. With `REDLOCK_MODEL_BOUND=large`, a trial has 5,000 seeds.
//!
//! # Simplifications
//!
//! - A lock has one key. A lease is not extended.
//! - A first attempt that is refused registers in the same step.
//! - A node that restarts stays away for its quarantine of a ttl.
//! - A live contender keeps its connections, except to a node that restarts.

mod contender;
mod fault;
mod holds;
mod message;
mod mutants;
mod node;
mod random;
mod round;
mod rules;
mod scenario;
mod timers;
mod trials;
mod verdict;
mod world;
