//! Messages between contenders and nodes.

use super::rules::Micros;

/// The number of a contender.
pub(crate) type Waiter = usize;

/// The id of a round, and of the lease that it wins.
pub(crate) type Lease = u64;

/// A request of a contender.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    Acquire(Acquire),
    /// Releases a lease or a round. `requeue` is the waiter of a lost round.
    Release {
        lease: Lease,
        requeue: Option<Entry>,
    },
    /// Checks whether a hint was taken up.
    Recheck,
    Leave,
    Look,
}

/// A request for the lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acquire {
    pub(crate) lease: Lease,
    pub(crate) ttl: Micros,
    pub(crate) entry: Entry,
    /// Whether this is the first attempt, a native `SET NX` that ignores reservations.
    pub(crate) is_first: bool,
}

/// A registration in the waiting list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) waiter: Waiter,
    /// The time for which it has waited.
    pub(crate) waited: Micros,
}

/// A response of a node, or a push.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Response {
    Acquire(Lease, Vote),
    /// A release, a recheck or a leave.
    Hint(Hinted),
    /// The time left of the key.
    Look(Option<Micros>),
    Push(Push),
}

/// The result of a step that sends a hint if the key is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hinted {
    /// A hint is to be checked later.
    Pending,
    /// The key exists.
    Busy,
    /// No waiter is left.
    Idle,
}

/// A node's vote in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    Pending,
    Granted,
    Busy {
        /// The time left of the key, or of the reservation.
        remaining: Micros,
        /// The number of waiters ahead.
        rank: usize,
        /// Whether the key is free, but the node is reserved for another waiter.
        is_reserved: bool,
    },
    /// The node is down.
    Failed,
}

/// A message that no request precedes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    Hint,
    /// The key has changed since the last look.
    Changed,
}
