//! The verdict on a simulation: the required properties, and what violates them.

use std::collections::BTreeMap;

use super::contender::Phase;
use super::message::Waiter;
use super::rules::{HINT_DELAY, Micros, POLL_CAP, POPS, RECHECK, RESERVATION};
use super::world::World;

/// A violation of a required property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Two contenders held the lock at the same time.
    TwoHolders(Waiter),
    /// A reservation refused a contender for longer than a reservation may last.
    LongRefusal(Waiter),
    /// A contender waited for longer than the bound.
    Late {
        waiter: Waiter,
        wait: Micros,
        bound: Micros,
    },
    /// A live contender still waits at the end.
    Unserved(Waiter),
    /// A node still has a reservation at the end, or lists a contender that waits no longer.
    Remains(usize),
}

/// The faults of a simulation that the bound depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Contenders that died.
    pub(crate) dead: u64,
    /// Waiters that were cancelled.
    pub(crate) cancels: u64,
    /// Waiters that hung, or that died after a hint.
    pub(crate) stalls: u64,
    /// Contenders that hung or died while nodes may have had a key of theirs.
    pub(crate) left_keys: u64,
    /// Lists and rechecks that were lost, with a node or with a client.
    pub(crate) gaps: u64,
    /// Hints that were lost on their way, by waiter.
    pub(crate) lost_hints: BTreeMap<Waiter, u64>,
}

/// The turn of a contender that got the lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) waiter: Waiter,
    pub(crate) won: Micros,
    pub(crate) released: Option<Micros>,
}

impl World {
    /// Notes that a contender has won, and checks that it is the only one, and in time.
    pub(crate) fn begin_turn(&mut self, waiter: Waiter) {
        let now = self.now;
        let is_valid = |turn: &Turn| now < self.contenders[turn.waiter].asked + self.scenario.ttl;
        let is_held = |turn: &Turn| turn.released.is_none() && is_valid(turn);
        if self.turns.iter().any(is_held) {
            self.violations.push(Violation::TwoHolders(waiter));
        }
        self.turns.push(Turn {
            waiter,
            won: now,
            released: None,
        });
        let wait = now - self.contenders[waiter].since;
        let bound = self.bound(waiter);
        if wait > bound {
            self.violations.push(Violation::Late {
                waiter,
                wait,
                bound,
            });
        }
    }

    /// Notes that a contender has released the lock.
    pub(crate) fn end_turn(&mut self, waiter: Waiter) {
        let turn = self.turns.iter_mut().find(|it| it.waiter == waiter);
        turn.expect("a turn").released = Some(self.now);
    }

    /// Returns the longest time that a contender may have waited for its turn.
    fn bound(&self, waiter: Waiter) -> Micros {
        let since = self.contenders[waiter].since;
        let ends = self
            .turns
            .iter()
            .filter_map(|turn| Some((turn.won, turn.released?)));
        let ahead = ends.filter(|(_, released)| *released > since);
        let (turns, held) = ahead.fold((1, 0), |(turns, held), (won, released)| {
            (turns + 1, held + released - won.max(since))
        });
        let delay = self.scenario.max_delay();
        // Release, hint, acquire and response. In between, the delay if a hint is missing.
        let hint = 4 * delay + HINT_DELAY.1;
        let recheck = RECHECK + 2 * delay;
        let faults = &self.faults;
        let own = faults.lost_hints.get(&waiter).copied().unwrap_or_default();
        let others = faults.lost_hints.values().sum::<u64>() - own;
        // The first attempt of a newcomer may split the votes of another round.
        let splits = self.scenario.newcomers as u64;
        held + (turns + splits) * hint
            + faults.cancels * 3 * delay
            + (faults.stalls + others + faults.dead / POPS) * recheck
            + faults.left_keys * (self.scenario.ttl + POLL_CAP)
            + (faults.gaps + own) * POLL_CAP
            + self.scenario.collisions
    }

    /// Returns what violates the required properties.
    pub(crate) fn verdict(&self) -> Vec<Violation> {
        let mut violations = self.violations.clone();
        let unserved = self.contenders.iter().filter(|it| it.is_live_waiter());
        violations.extend(unserved.map(|it| Violation::Unserved(it.name)));
        let is_over = |waiter: &Waiter| {
            let contender = &self.contenders[*waiter];
            contender.acts && contender.phase == Phase::Over
        };
        for (index, node) in self.nodes.iter().enumerate() {
            let mut waiters = node.list.waiters.iter().map(|(_, waiter)| waiter);
            let is_reserved = node.is_reserved_at(self.now + RESERVATION);
            if waiters.any(is_over) || is_reserved {
                violations.push(Violation::Remains(index));
            }
        }
        violations
    }
}
