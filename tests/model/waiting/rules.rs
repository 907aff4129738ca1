//! Rules of the waiting list: the right ones, with switches for the mutants.

/// A moment or a span, in microseconds.
pub(crate) type Micros = u64;

/// A millisecond.
pub(crate) const MS: Micros = 1_000;

/// The time for which a list is kept after the last registration.
pub(crate) const LIST_TTL: Micros = 60_000 * MS;

/// The time for which a node is reserved for a hinted waiter.
pub(crate) const RESERVATION: Micros = 10 * MS;

/// The number of waiters that one hint pops at most.
pub(crate) const POPS: u64 = 16;

/// The shortest and the longest time from the first hint to a round.
pub(crate) const HINT_DELAY: (Micros, Micros) = (2 * MS, 4 * MS);

/// How often `HINT_DELAY` is doubled at most.
pub(crate) const HINT_DOUBLINGS: u32 = 6;

/// The time from a hint to a check of whether it was taken up.
pub(crate) const RECHECK: Micros = RESERVATION + 2 * MS;

/// The number of waiters, from the front of the list, that look.
pub(crate) const LOOKERS: usize = 2;

/// The time from a refused round to a look.
pub(crate) const LOOK_DELAY: Micros = 20 * MS;

/// The time from a look that finds no key to a round.
pub(crate) const FREE_DELAY: Micros = MS;

/// The largest jitter of a poll at the end of a lease.
pub(crate) const LEASE_JITTER: Micros = 10 * MS;

/// The largest jitter of a poll at the end of a reservation, per rank.
pub(crate) const RANK_JITTER: Micros = 20 * MS;

/// The first interval between two polls.
pub(crate) const RETRY_DELAY: Micros = 200 * MS;

/// The longest interval between two polls.
pub(crate) const POLL_CAP: Micros = 5_000 * MS;

/// The rules that nodes and contenders follow.
///
/// The right rules are [`RIGHT`](Self::RIGHT). A mutant differs from them in some fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether a hint skips waiters without a subscriber.
    pub(crate) skips_dead: bool,
    /// Whether a hint that finds only dead waiters is sent again later, to those behind them.
    pub(crate) resumes: bool,
    /// Whether a reservation expires.
    pub(crate) next_expires: bool,
    /// Whether a hint removes its waiter from the list.
    pub(crate) pops: bool,
    /// When the release of a lost round registers its waiter.
    pub(crate) requeues: Requeue,
    /// Whether a hinted waiter that leaves hints the next one.
    pub(crate) passes_on: bool,
    pub(crate) polls: bool,
    /// Whether a node sends no hint while it is reserved.
    pub(crate) respects_next: bool,
    /// Whether a round that fewer than a quorum of hints started is delayed longer each time.
    pub(crate) backs_off: bool,
    /// Whether waiters look only at nodes where a key refused their last round.
    pub(crate) looks_at_refusals: bool,
    pub(crate) rechecks: Rechecks,
    /// Whether a winner leaves the lists of the nodes that refused it.
    pub(crate) winners_leave: bool,
    /// Whether a hinted waiter is granted a key that another lease holds.
    pub(crate) next_grants: bool,
}

/// The registration of a waiter by the release of its lost round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requeue {
    /// Behind the hint, which goes to another waiter.
    AfterHint,
    /// Before the hint, which may go to the same waiter.
    BeforeHint,
    Never,
}

/// How often a client checks whether a hint that it caused was taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rechecks {
    /// Until the key exists or no waiter is left.
    Repeated,
    Once,
    Never,
}

impl Rules {
    pub(crate) const RIGHT: Self = Self {
        skips_dead: true,
        resumes: true,
        next_expires: true,
        pops: true,
        requeues: Requeue::AfterHint,
        passes_on: true,
        polls: true,
        respects_next: true,
        backs_off: true,
        looks_at_refusals: true,
        rechecks: Rechecks::Repeated,
        winners_leave: true,
        next_grants: false,
    };
}
