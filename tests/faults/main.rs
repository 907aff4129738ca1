//! Real servers: killed, stopped, restarted, cut off, misconfigured.
//!
//! - `lease`: a lock's life on servers that work
//! - `processes`: owners in different processes
//! - `failing`: servers that die, hang and come back
//! - `fencing`: tokens, and counters that are none
//! - `network`: requests and replies that are late or lost
//! - `latency`: servers that are far away
//! - `batches`: what leaves together
//! - `refusals`: servers that say no
//! - `deletions`: servers that can delete a key that is ours by a command of their own
//! - `several`: several resources at once, and one for at least as long as asked
//! - `waiting`: who is told when a lock may be free, and who is not
//! - `setup`: addresses, pools, and how managers are made
//!
//! Every bound on time in here is several times what an idle machine needs, because the machine
//! is not idle; what is asserted to be *fast* is asserted against the ttl, which is longer still.

mod batches;
mod common;
mod deletions;
mod failing;
mod fencing;
mod latency;
mod lease;
mod network;
mod processes;
mod refusals;
mod setup;
mod several;
mod waiting;
