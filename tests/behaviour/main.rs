//! Behaviour that users of the library see, on nodes in memory and on paused time.
//!
//! - `acquire`: granted and refused locks
//! - `attempts`: requests with a `retry_count`
//! - `rounds`: the commands of each round
//! - `waiting`: the duration and the outcome of a wait
//! - `queue`: the local queue of a manager
//! - `crowd`: many requests in one queue
//! - `cancellation`: futures that are dropped before they complete
//! - `holding`: extensions, deadlines, and the end of a lease
//! - `extensions`: the extensions of many locks
//! - `changes`: keys that are gone from nodes, and the reports of these nodes
//! - `losing`: the causes of a loss
//! - `rearming`: leases whose nodes leave, come back, and lose their keys
//! - `running`: work bound to a lease
//! - `release`: drop, release, and their reports
//! - `closing`: the end of a manager, at once or once its guards are gone
//! - `hold_at_least`: keys that outlast an early release
//! - `several`: several resources as one lock
//! - `adopters`: adopters of one lease beside each other and beside its holder
//! - `adoption`: leases that are detached, adopted, and released by id
//! - `forcing`: resources that are released by force
//! - `foreign`: locks that other libraries set
//! - `labels`: texts that name the holder of a lock
//! - `inspection`: status and health
//! - `configuration`: rejected options and input
//! - `durations`: every duration and factor, from nothing to the largest
//! - `stalling`: tasks that are not scheduled in time
//! - `runtimes`: one manager in several runtimes, and in none
//! - `parked`: runtimes that are not driven
//! - `timerless`: runtimes without timers
//! - `panicking`: nodes whose sessions panic
//! - `ending`: locks that end while a command of theirs is being sent
//! - `exclusion`: mutual exclusion in random schedules with faults
//! - `fencing`: fencing tokens and their counters
//! - `absurd_counters`: counters far beyond the clocks
//! - `token_order`: tokens in random schedules with faults
//! - `attribute`: `#[redlocked]`
//! - `parity`: the parity table of the comparison guide
//! - `auto_traits`: `Send`, `Sync` and `Unpin`

mod absurd_counters;
mod acquire;
mod adopters;
mod adoption;
mod attempts;
mod attribute;
mod auto_traits;
mod cancellation;
mod changes;
mod closing;
mod common;
mod configuration;
mod crowd;
mod durations;
mod ending;
mod exclusion;
mod extending_by_id;
mod extensions;
mod fencing;
mod forcing;
mod foreign;
mod hold_at_least;
mod holding;
mod hooked;
mod inspection;
mod labels;
mod late_raises;
mod losing;
mod overload;
mod panicking;
mod parity;
mod parked;
mod quarantine;
mod queue;
mod quirks;
mod rearming;
mod recorder;
mod records;
mod release;
mod restoring;
mod rounds;
mod running;
mod runtimes;
mod several;
mod stalling;
mod timerless;
mod token_order;
mod turns;
mod unhinted;
mod waiting;
