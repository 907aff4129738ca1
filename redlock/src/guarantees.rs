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
//! **All or nothing.** Of [several resources](crate::Redlock::lock_all) every node gives all or none,
//! in one step. So nobody holds one of them while waiting for another; a guard of several has them
//! all until its deadline, and when a quorum lacks any one of them, all are lost and released.
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
//! reached the release is kept for it; where the process dies, the ttl ends it. The counter behind
//! the tokens goes `fence_retention` after the last use.
//!
//! **Order.** Every acquisition has a token that is larger than those before it, so that the system
//! which is protected can refuse what comes too late: see [below](#fencing-tokens).
//!
//! **Others stay out** until the time of
//! [`hold_at_least`](crate::LockRequest::hold_at_least) is over, by the nodes' clocks, if a guard is
//! dropped or released before, or lost because it ran out or the manager was shut down: at every
//! node that the release reaches before the key expires. If the process dies, until the ttl.
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
//!   protected system can refuse that write, by a [fencing token](#fencing-tokens).
//! - A virtual machine that is paused without its guest's clocks noticing is such a pause.
//! - **No order among processes.** Who waits longest is usually served first, and not always: see
//!   [below](#waiting).
//! - A lock is not re-entrant: a task that asks for what it holds waits for itself.
//!
//! # Waiting
//!
//! **Within one manager** requests for a resource are served in the order in which they were first
//! polled. Only the first in line asks the nodes; behind a holder of the same manager nobody does.
//! A request that does not wait ([`try_lock`](crate::Redlock::try_lock)) is busy at once behind a
//! holder or a waiter. A request that is alive but not polled for some seconds (a branch of a
//! `select!` loop whose turn does not come) loses its place in line, and nothing else.
//!
//! **Between processes**, a refused attempt is also a registration: where the server speaks RESP3
//! and its user may have keys tracked, it tells when the key changes, whether by a release (by
//! anybody, in any language), an extension, an expiry or a flush. When a quorum of nodes may be
//! free the first in line asks again. Underneath, it asks after a random delay in any case: up to
//! [`retry_delay`](crate::RedlockBuilder::retry_delay), or up to five times as much where a quorum
//! of nodes tells; and when the holder's lease ends. So a message that is lost costs time, at most
//! that delay and one round for a lock that is free by then, and never the lock. Where looking shows
//! that messages are lost, pauses are as short as where nobody tells. A wait ends within one node
//! timeout of [`wait`](crate::LockRequest::wait).
//!
//! **Turns.** A process counts the hand-overs that it watches, and hangs back for some milliseconds
//! while they are fewer than it usually takes until its own turn; one that takes a lock again and
//! again looks now and then whether there is somebody else. That keeps shares even (the benchmark
//! `contended` measures them) and promises nothing: three contenders may each get a part of the
//! nodes, give it back, and meet somebody quicker.
//!
//! **Why there is no strict order between processes.** A queue on each node has an order of its own
//! on each: the first in one can be the second in another, and no quorum forms for either. One
//! order for all takes tickets that a quorum knows, and nodes that grant to nobody but the lowest
//! live one. Then a waiter that died with the lowest ticket keeps everybody from a lock that is free
//! until its ticket runs out, and a waiter that is slow to renew its ticket is indistinguishable from
//! one that died; short tickets make the order untrue, long ones make every crash of a *waiter* an
//! outage, which today no waiter can cause. A consensus store has that order for its price.
//!
//! # Fencing tokens
//!
//! [`LockGuard::token`](crate::LockGuard::token) is a number below 2^53. Of one resource:
//!
//! - **Unique.** No two successful acquisitions get the same token.
//! - **Monotonic.** If acquisition A had returned before acquisition B was called, in real time,
//!   then token(A) < token(B). Tokens of acquisitions that overlap differ, in an order that is not
//!   specified.
//!
//! An extension keeps the token. [`adopt`](crate::Redlock::adopt) is an acquisition: its token is
//! larger than that of the guard whose lease it takes over. Tokens of different resources have no
//! order. They are no counts either: they are about as large as the time of day in microseconds.
//!
//! Each node has a counter for the resource, which every grant moves to a larger value. A token is
//! a value to which one acquisition, while it ran, moved the counters of at least W nodes; W is
//! [`token_durability`](crate::RedlockBuilder::token_durability), by default the quorum
//! Q = N/2 + 1. Let W_A be the nodes that were moved to token(A), W_B those to token(B). Both have
//! a quorum of nodes, so they share one. Its counter only grows, so it was moved to each value at
//! most once: the tokens differ. If A had returned before B was called, that counter was at
//! token(A) or beyond when B moved it: token(B) is larger. No clock, no ttl and no order of
//! messages takes part. Even where clocks break what exclusion assumes, and two hold the lock at
//! once, each has a token of its own, and the later one fences the other.
//!
//! A lock on several resources has one token for all. Each node moves the counters of all of them,
//! in one step, to one value that is larger than each was. So W is the same set of nodes for every
//! resource, and what was said holds of each: its token is unique, larger than every earlier one
//! of that resource, and smaller than every later one, whether it is then locked alone or with
//! others.
//!
//! ## What breaks them
//!
//! A counter that is lost or set back: a node that restarts without its last writes, `FLUSHALL`,
//! an older backup, a replica that takes over, eviction, [expiry](#how-long-counters-are-kept).
//! Let F be the nodes to which that happened between A moving them and B doing so. Both promises
//! hold for A and B if W_A and W_B share a node that is not in F, which is certain if
//!
//! ```text
//! |W_A| + |W_B| > N + |F|
//! ```
//!
//! At least W nodes are in each, so any f = 2W - N - 1 nodes may lose their data:
//!
//! | N | W | nodes that may lose their counters | nodes that may be down while acquiring |
//! |---|---|---|---|
//! | 3 | 2, the default | 0 | 1 |
//! | 3 | 3 | 2 | 0 |
//! | 5 | 3, the default | 0 | 2 |
//! | 5 | 4 | 2 | 1 |
//! | 5 | 5 | 4 | 0 |
//!
//! A node that is full, hung or unreachable is *down*, and has lost nothing. With all nodes up a
//! grant usually reaches all N, which is more than W; that is usual, and not promised.
//!
//! ## Which of three defences you rely on
//!
//! 1. **Nodes that do not forget.** `appendonly yes` with `appendfsync always`, on disks that keep
//!    what they have confirmed, and no failover to replicas: F is empty after any crash. It costs
//!    every acquisition a write to the disk. With snapshots only, which is how Redis comes out of
//!    the box, or with `appendfsync everysec`, a node does forget.
//! 2. **More stamps.** `token_durability(w)` with w > Q: the table above. Extension and release
//!    still need only a quorum, but acquiring needs w nodes.
//! 3. **The clock floor**, which is all there is with neither of the two. An acquisition proposes
//!    the time of day of its process in microseconds, or as much more as it has seen tokens ahead
//!    of its clock, and no node moves its counter to less than that. So if no node that A and B
//!    share has kept its counter, token(B) is still at least the time that B's clock showed when B
//!    was called, and token(A) at most the latest time that any process's clock had shown when A
//!    returned. The order survives if clocks differ by less than the time from A to B. Under NTP
//!    they differ by milliseconds, and a node without its data has to stay away for `max_ttl`, so
//!    this is good for most; but it is an assumption about clocks, which the other two are not.
//!    And it is about order alone: two acquisitions that overlap, and propose the same microsecond
//!    around the loss of a node they share, can have the same token.
//!
//! ## How long counters are kept
//!
//! On each node for [`fence_retention`](crate::RedlockBuilder::fence_retention), R, by default 1 h,
//! by the node's clock, from the last acquisition or extension that reached it: a resource that is
//! not used for that long leaves nothing behind on the servers. Where managers differ, take the
//! smallest. Within R the order rests on the counters alone. Beyond it, the tokens stay in order
//! **if the clocks of the processes are within R/2 of those of the servers**: A got at most the
//! servers' time plus R/2; B comes at least R after A moved the counter, and proposes at least the
//! servers' time less R/2. For clocks that are ahead this is seen to: once servers have told their
//! time (which needs the right `+time`), nothing beyond their median plus R/2 is proposed. Clocks
//! that are behind are up to whoever runs the machines. A longer R allows more, and costs one small
//! key for each resource and node.
//!
//! ## What they do not do
//!
//! - They refuse nothing by themselves. The protected system remembers the largest token it has
//!   seen, compares and writes in one atomic step, and keeps the number as long as the data. It
//!   refuses older holders from the moment at which a newer one has *shown* its token; so that is
//!   shown before the first read. [`fence`](crate::fence) has a gate in memory, and recipes for
//!   SQL, Redis and HTTP.
//! - They put holders in order, not the writes of one holder.
//! - **Fencing is a property of the resource.** A holder whose manager has
//!   [`fencing(false)`](crate::RedlockBuilder::fencing), or that uses another library, is excluded
//!   like any other, but has no token to show: it does not fence an earlier holder that is
//!   paused, and nothing fences it. All who lock a resource should do it with tokens.
//!   [`LockGuard::token`](crate::LockGuard::token) panics without one,
//!   [`try_token`](crate::LockGuard::try_token) is then `None`.
//!
//! # Where it is checked
//!
//! Every sentence above about this crate's behaviour has a test, most of them under injected
//! faults and against real servers that are killed, stopped and restarted.
