//! What this lock promises, on which assumptions, and what it does not promise.
//!
//! This page has no code. It is the contract.
//!
//! # The algorithm
//!
//! Redlock, as described at <https://redis.io/docs/latest/develop/use/patterns/distributed-locks/>:
//! one key on each of N independent masters, set only if absent, with a random value and an
//! expiry. A lock is held by whoever has set its value on a quorum, `N/2 + 1` of the *configured*
//! nodes, in less time than the expiry. Any two quorums have a node in common, and a node keeps
//! one value, so two holders at once would need a node that forgot.
//!
//! # What is promised
//!
//! **Exclusion.** While the assumptions below hold, at most one guard of a resource
//! [`is_held`](crate::LockGuard::is_held) at any instant, across processes and machines.
//!
//! - Validity is counted from before the first node was asked, less `drift_factor` of the ttl and
//!   2 ms. The deadline is the instant at which a quorum may cease.
//! - The clock goes on while the machine is suspended (Linux, Android, Apple systems, Windows).
//! - A lost lease stays lost. Nothing revives it, no late answer and no late extension.
//! - A lease id is random, fresh for every round, and never reused: no late command of one round
//!   acts on another.
//! - An extension never shortens a lease, and never makes a key again that is gone.
//!
//! **A signal before the end.** [`lost`](crate::LockGuard::lost) completes, and what
//! [`run`](crate::LockGuard::run) runs is dropped, before the deadline: by 1 % of the ttl, at
//! least 2 ms. If the runtime is blocked at that time, at its next poll.
//!
//! **Availability.** A lock is taken, extended and released at the pace of the quorum. Nodes that
//! are dead, slow, hung or full cost nothing while they are a minority, and are used again when
//! they are back.
//!
//! **Nothing is left behind.** Whatever a lost round, a cancelled request or a dropped guard had
//! set is released, on the same connection behind the command that set it. Where a node cannot be
//! reached the release is kept for it; where the process dies, the ttl ends it.
//!
//! # What is assumed
//!
//! - Nodes are independent masters, and every process configures the same ones.
//! - Nodes keep keys until they expire: no eviction (`maxmemory-policy noeviction`), and a node
//!   that restarts without its data stays away for `max_ttl`. A node with `appendfsync always` may
//!   come back at once.
//! - The clocks of a quorum of nodes do not jump ahead, and run at most `drift_factor` faster than
//!   the holder's.
//!
//! # What is not promised
//!
//! - **No lock with a timeout stops a holder that was paused.** A process that is stopped between
//!   looking at its guard and writing will write later, whoever holds the lock then. Only the
//!   protected system can refuse that write, by a fencing token; this version mints none.
//! - A virtual machine that is paused without its guest's clocks noticing is such a pause.
//! - **No order among processes.** Who waits longest is not served first.
//! - A lock is not re-entrant: a task that asks for what it holds waits for itself.
//!
//! # Where it is checked
//!
//! Every sentence above about this crate's behaviour has a test, most of them under injected
//! faults and against real servers that are killed, stopped and restarted.
