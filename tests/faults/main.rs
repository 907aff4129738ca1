//! Real servers that are killed, stopped, restarted, cut off or misconfigured.
//!
//! - `lease`: the life of a lock on healthy servers
//! - `processes`: owners in different processes
//! - `failing`: servers that die, hang and recover
//! - `returning`: leases on servers that leave and come back
//! - `rolling`: locks that are held while all servers fail in turn
//! - `flushes`: servers whose data is flushed
//! - `restarts`: servers that are killed while locks are contended
//! - `quarantine`: servers that lose their data while the holder is paused
//! - `failover`: an address that leads to another server
//! - `records`: identity records that change under managers in use
//! - `aliases`: several addresses of one server
//! - `forming`: deployments on new servers, and on a single one
//! - `fencing`: tokens, and counters that are invalid
//! - `network`: requests and responses that are late or lost
//! - `last_words`: servers that say why they close a connection
//! - `latency`: distant servers
//! - `batches`: commands that leave together
//! - `idle`: connections that a middlebox forgets
//! - `connecting`: what a new connection asks and loads
//! - `kinds`: servers that cannot be nodes
//! - `reports`: what is reported about servers
//! - `adopters`: adopters of one lease, beside each other and beside its holder
//! - `rights`: users who may not run all commands
//! - `refusals`: servers that reject requests
//! - `forcing`: resources that are released by force
//! - `foreign`: locks that other libraries set
//! - `deletions`: releases through `DELIFEQ` or `DELEX`
//! - `several`: several resources at once, and locks with `hold_at_least`
//! - `waiting`: waiting with push notifications, and by polling
//! - `waiters`: waiters in line, and the order in which they are served
//! - `late`: waiters whose votes and hints arrive late
//! - `absent`: waiters in line that die, hang or cancel
//! - `bystanders`: keys of others at the names that waiting uses
//! - `polling`: managers that cannot be hinted, and poll
//! - `vanishing`: keys that vanish from servers while their lock is held
//! - `releases`: releases that servers refuse for a while
//! - `ending`: locks at the end of a program, of a runtime, and of a manager
//! - `setup`: addresses, pools, and the construction of managers
//!
//! Every time limit here is several times what an idle machine needs, because the machine is busy.
//! Operations that must be *fast* are compared with the ttl, which is longer still.

mod absent;
mod adopters;
mod aliases;
mod batches;
mod bystanders;
mod common;
mod connecting;
mod deletions;
mod ending;
mod failing;
mod failover;
mod fencing;
mod flushes;
mod forcing;
mod foreign;
mod forming;
mod idle;
mod kinds;
mod last_words;
mod late;
mod latency;
mod lease;
mod network;
mod polling;
mod processes;
mod quarantine;
mod race;
mod records;
mod refusals;
mod register;
mod releases;
mod reports;
mod restarts;
mod returning;
mod rights;
mod rolling;
mod setup;
mod several;
mod vanishing;
mod waiters;
mod waiting;
