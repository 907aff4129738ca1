//! The protocol of the fencing token, searched through every state that it can get into.
//!
//! Three nodes, each with a lock key and a counter; two or three attempts to acquire the lock. A
//! key may be gone at any moment. A message may arrive at any moment, twice or never, long after
//! its attempt returned or was given up, and its reply may be lost. Proposals are any numbers. In
//! every state that follows, the tokens that were returned are unique and monotonic (see
//! `redlock::guarantees`); and of each rule it is shown that they are not without it.
//!
//! - `node`: a node, and the scripts that touch its key and its counter
//! - `attempt`: an attempt, as its client sees it
//! - `protocol`: the rules
//! - `state`: nodes, attempts, and what has passed between them
//! - `step`: what can happen next
//! - `system`: the bounds of a search, and what each step does
//! - `properties`: what is to be true of the tokens
//! - `search`: the search, by `stateright`
//! - `holds`: the rules of the library, while counters survive
//! - `losses`: counters that are lost, and what makes up for it
//! - `mutants`: rules with a mistake in them
//!
//! # What is left out, or allowed for
//!
//! - A client may use or ignore any reply at any time, and raise nodes to any number that it was
//!   told, not just to the largest. So a lost reply, a late one and a client that gives up need no
//!   steps of their own. The library's client does less.
//! - A release is a key that is gone. An extension does not touch what a counter holds.
//! - A counter's expiry is the loss of it: there is no time in here. What clocks are taken to do is
//!   said at `Proposals::Clock`.
//!
//! # Bounds
//!
//! Every search ends because there is no state left within its bounds, or at a counterexample. The
//! bounds of every run of the suite are small ones: 3.2 million states, about 20 s on two cores.
//! Larger ones are searched by hand: 81 million states, about 160 s, with this.
//!
//! ```console
//! $ REDLOCK_MODEL_BOUND=large cargo test --release -p redlock-tests --test model -- --nocapture
//! ```
//!
//! | search, of states that differ in more than the order of the nodes | small | large |
//! |---|---|---|
//! | two attempts by script | 92,179 | 2,039,447 |
//! | two by script or pipeline | 249,484 | 2,069,244 |
//! | two by script, every acquire twice | 197,010 | 5,770,386 |
//! | two by script or pipeline, every acquire twice | 488,313 | 11,478,182 |
//! | two by script, raising to any number | 431,378 | 12,649,832 |
//! | two by script or pipeline, raising to any number | 263,986 | 1,510,099 |
//! | two under one id, raising to any number | 97,845 | 22,306,573 |
//! | three by script | 245,204 | 5,298,963 |
//! | three by script or pipeline | 606,438 | 6,828,236 |
//! | two, stamps at every node, two counters lost | 41,808 | 2,594,407 |
//! | two, clocks and quarantine, counters lost | 353,113 | 2,614,658 |
//! | three by script, clocks and quarantine, one counter lost | | 3,971,153 |
//! | three by script, clocks alone, one counter lost: in order | | 1,430,600 |

mod attempt;
mod holds;
mod losses;
mod mutants;
mod node;
mod properties;
mod protocol;
mod search;
mod state;
mod step;
mod system;
