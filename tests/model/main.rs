//! Models of the protocol, checked in every state that they can reach.
//!
//! - This one and the modules below: the fencing tokens.
//! - [`lease`]: exclusion under loss of data, with re-arming, identity records and quarantine.
//! - [`release`]: a release whose `SET` is unknown.
//! - [`waiting`]: the liveness of the waiting list, by simulation.
//!
//! # Tokens
//!
//! The model has three nodes, each with a lock key and a counter, and two or three attempts to
//! acquire the lock. A key may disappear at any moment. A message may arrive at any moment, twice
//! or never, even long after its attempt returned or was abandoned. Its response may be lost.
//! Proposals can be any numbers.
//!
//! In every reachable state, the returned tokens are unique and monotonic (see
//! `redlock::guarantees`). For each rule of the protocol, another search shows that the tokens are
//! not unique and monotonic without it.
//!
//! - `node`: a node, with the scripts that access its key and its counter
//! - `attempt`: an attempt, from its client's point of view
//! - `protocol`: the rules
//! - `state`: nodes, attempts and the messages exchanged between them
//! - `step`: the steps that are possible in a state
//! - `system`: the bounds of a search, and the effect of each step
//! - `properties`: the required properties of the tokens
//! - `search`: the search, by `stateright`, of all models
//! - `holds`: searches with the library's rules, while counters survive
//! - `losses`: searches with lost counters, and the rules that compensate for the loss
//! - `mutants`: searches with a mistake in the rules
//!
//! # Simplifications
//!
//! - A client may use or ignore any response at any time. It may raise nodes to any number that a
//!   node reported to it, not only to the largest. A lost response, a late response and a client
//!   that gives up therefore need no steps of their own. The library's client does less.
//! - A release is a key that disappears. An extension does not change the value of a counter.
//! - The model has no time, so the expiry of a counter is its loss. `Proposals::Clock` states what
//!   is assumed about clocks.
//!
//! # Bounds
//!
//! Every search ends when no state is left within its bounds, or at a counterexample. The suite
//! always uses the small bounds: 3.2 million states, about 20 s on two cores. The large bounds are
//! searched by hand: 81 million states, about 160 s, with this command:
//!
//! ```console
//! $ REDLOCK_MODEL_BOUND=large cargo test --release -p redlock-tests --test model -- --nocapture
//! ```
//!
//! | search (states that differ only in the order of the nodes count once) | small | large |
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
//! | three by script, clocks alone, one counter lost: monotonic | | 1,430,600 |

mod attempt;
mod holds;
mod lease;
mod losses;
mod mutants;
mod node;
mod properties;
mod protocol;
mod release;
mod search;
mod state;
mod step;
mod system;
mod waiting;
