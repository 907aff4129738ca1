//! A node: a lock key, a counter and the scripts that access them.

use std::fmt;
use std::iter;

use crate::attempt::ATTEMPTS;
use crate::protocol::{Protocol, Stamped};

/// A counter's value, a proposal or a token. Zero is a missing counter.
pub(crate) type Number = u8;

/// The value of a lock key.
pub(crate) type LeaseId = u8;

/// A node, with its exchange with each attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node {
    pub(crate) lock: Option<LeaseId>,
    pub(crate) counter: Number,
    /// Whether it lost its counter and has no vote at present.
    pub(crate) is_away: bool,
    pub(crate) dealings: [Dealings; ATTEMPTS],
}

/// The exchange between a node and an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Dealings {
    /// The number of copies of the acquire that took effect.
    pub(crate) acquires: u8,
    /// In a pipeline, between `SET` and `ZADD`: whether `SET` returned OK.
    pub(crate) set: Option<bool>,
    /// The numbers in the node's responses that the attempt may count.
    pub(crate) stamps: Numbers,
    /// Whether the node was in quarantine at some time since the call, and so has no vote.
    pub(crate) quarantined: bool,
}

impl Node {
    pub(crate) fn new(counter: Number) -> Self {
        Self {
            counter,
            ..Self::default()
        }
    }

    /// Runs the acquire script. Returns the granted number.
    pub(crate) fn acquire(
        &mut self,
        rules: &Protocol,
        id: LeaseId,
        proposal: Number,
    ) -> Option<Number> {
        if rules.repeats && self.lock == Some(id) {
            return Some(self.counter);
        }
        if !self.set(id) {
            return None;
        }
        let next = self.counter + Number::from(rules.increments);
        self.counter = next.max(proposal);
        Some(self.counter)
    }

    /// Runs `SET id NX`, the first half of the pipeline. Returns whether it was OK.
    pub(crate) fn set(&mut self, id: LeaseId) -> bool {
        let free = self.lock.is_none();
        if free {
            self.lock = Some(id);
        }
        free
    }

    /// Runs `ZADD GT CH proposal`, the second half. Returns whether it moved the counter.
    pub(crate) fn zadd(&mut self, proposal: Number) -> bool {
        let moves = self.counter < proposal;
        if moves {
            self.counter = proposal;
        }
        moves
    }

    /// Runs the raise script. Returns whether the attempt now counts the node.
    pub(crate) fn raise(&mut self, rules: &Protocol, id: LeaseId, target: Number) -> bool {
        let rules = &rules.raise;
        if rules.counts_equal && self.counter == target {
            return true;
        }
        if rules.owners_only && self.lock != Some(id) {
            return false;
        }
        let stamped = match rules.stamps {
            Stamped::Below => self.counter < target,
            Stamped::BelowOrEqual => self.counter <= target,
        };
        if stamped {
            self.counter = target;
        }
        stamped
    }
}

/// A set of small numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Numbers(u32);

impl Numbers {
    pub(crate) fn one(number: Number) -> Self {
        Self(1 << number)
    }

    /// Returns all numbers from one to `max`.
    pub(crate) fn up_to(max: Number) -> Self {
        Self((2 << max) - 2)
    }

    pub(crate) fn contains(self, number: Number) -> bool {
        self.0 & Self::one(number).0 != 0
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Number> {
        let mut rest = self.0;
        iter::from_fn(move || {
            let least = rest.trailing_zeros();
            rest &= rest.checked_sub(1)?;
            Number::try_from(least).ok()
        })
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
