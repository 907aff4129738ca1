//! Model of exclusion under loss of data: leases with re-arming, identity records and quarantine.
//!
//! The model has three nodes, each with a lock key and an identity record, and two or three
//! managers, each with at most one lease at a time. A manager acquires, extends, re-arms and releases
//! without end. Nodes restart with all data, without their last writes or without any, fail over to a
//! process of another `run_id`, or are flushed under live connections. Managers read and repair
//! records, and form a deployment where there is none. A manager may know nothing at first.
//!
//! In every reachable state, at most one manager believes that it holds the lock. For each rule,
//! another search finds two holders without it.
//!
//! - `node`: a node, with its key and its record
//! - `record`: an identity record, and a compare-and-set of it
//! - `manager`: a manager, from its own point of view
//! - `link`: what a manager knows of a node, and what is in flight between them
//! - `view`: what a manager may do, given what it has read
//! - `repair`, `forming`: the records that it writes
//! - `leasing`: the effects of acquires, extensions and re-arms
//! - `rules`: the rules
//! - `state`, `step`, `system`, `properties`: as in the model of the tokens
//! - `holds`, `mutants`: searches with the right rules, and with a mistake in them
//!
//! # Time
//!
//! Time passes in ticks, on all clocks at once, at any moment. A ttl is one to three ticks and is the
//! `max_ttl` of its manager. All times are the rest until an end. A state therefore has no age, and
//! the number of ticks has no bound. A round can be won up to an age of `System::round` ticks.
//!
//! # Simplifications
//!
//! - A manager that is paused, a node that cannot be reached and a message that is lost are steps
//!   that are not taken. A late acquire, re-arm or write is a step that is taken late.
//! - A write that is in flight on a connection that broke never arrives. If a stopped server could
//!   still carry it out after a read on the next connection, an old write over a blank node could
//!   follow a flush.
//! - A response read late has the effect of a request carried out late, or of a client that acts
//!   late. A response is therefore read when the request is carried out. Extensions and reads of
//!   records, which depend on nothing that is known when they are sent, are single steps.
//! - An acquire carries the version of the record that its manager knew. On an ordered connection, an
//!   invalidation precedes its response exactly if the node has another version when it carries out
//!   the acquire. A reconnect loses what is in flight.
//! - The keys of a lease that is over disappear at once. A key that stays has the effect of an
//!   acquire that is not carried out. The same holds for the key of a grant that does not count.
//! - A quarantine ends by the clock of the node. Without steps of that clock, the bound by the
//!   manager's own clock never ends it earlier.
//!
//! # Not modelled
//!
//! - Steps and drift of clocks, and several servers behind one address.
//! - `durable` of a process that is changed while it runs, or that starts without reading its log.
//! - A deployment that forms on a part of the nodes, or changes its size.
//! - An unlock by another manager.
//! - Tokens. A re-arm raises the counter like the raise of the other model. What a lost counter costs
//!   is searched there, with quarantine, in `losses`. A counter in this model would multiply its
//!   states by all values.

//! # Bounds
//!
//! As in the model of the tokens, the suite uses the small bounds: 0.35 million states, and half a
//! million in searches for counterexamples. The large bounds have 17 million states.
//!
//! | search | small | large |
//! |---|---|---|
//! | forming, no fault | 4,668 | 21,823 |
//! | forming, one restart | 120,402 | 2,601,972 |
//! | forming, one flush | 97,779 | 1,038,552 |
//! | forming on all nodes before the first acquire, two restarts | | 497,454 |
//! | two restarts without data, one manager that knows nothing | 16,815 | 16,815 |
//! | two restarts or failovers with a lost tail | 12,468 | 130,595 |
//! | two restarts, processes durable or not | 28,891 | 332,426 |
//! | one restart, different `max_ttl` | 13,232 | 26,483 |
//! | flushes, re-arming | 20,474 | 521,044 |
//! | restarts, re-arming | 10,811 | 738,046 |
//! | one flush, re-arming with different ttls | | 38,338 |
//! | restarts, re-arming in quarantine | 22,229 | 707,457 |
//! | one restart and one flush, re-arming in quarantine | | 8,157,634 |
//! | one restart and one flush, re-arming, three managers | | 2,856,818 |

mod forming;
mod holds;
mod leasing;
mod link;
mod manager;
mod mutants;
mod node;
mod properties;
mod record;
mod repair;
mod rules;
mod state;
mod step;
mod system;
mod view;
