//! The rounds of a contender, and what it waits for after a refused one.

use super::contender::{Contender, Phase};
use super::message::{Acquire, Request, Vote};
use super::random::Random;
use super::rules::{
    HINT_DELAY, HINT_DOUBLINGS, LEASE_JITTER, LOOK_DELAY, LOOKERS, Micros, POLL_CAP, RANK_JITTER,
    RETRY_DELAY,
};

/// What a refused round has learnt.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// The time until a quorum may be free.
    remaining: Micros,
    /// Whether that is the end of a reservation, not of a lease.
    is_reserved: bool,
    /// The lowest rank at any node.
    rank: usize,
}

impl Contender {
    pub(crate) fn begin_round(&mut self, now: Micros) {
        self.phase = Phase::Round;
        self.asked = now;
        self.rounds += 1;
        self.votes.fill(Vote::Pending);
        self.hinted.fill(false);
        self.looks.fill(false);
        self.timers.clear();
        let acquire = Acquire {
            lease: self.lease(),
            ttl: self.ttl,
            entry: self.entry(now),
            is_first: self.rounds == 1,
        };
        for node in 0..self.votes.len() {
            self.send(node, Request::Acquire(acquire));
        }
    }

    /// Counts a vote of the last round.
    pub(crate) fn count(&mut self, now: Micros, node: usize, vote: Vote, random: &mut Random) {
        self.votes[node] = vote;
        let count = |vote| self.votes.iter().filter(|it| **it == vote).count();
        let granted = count(Vote::Granted);
        match self.phase {
            Phase::Round if granted >= self.quorum() => self.win(now),
            Phase::Round if granted + count(Vote::Pending) < self.quorum() => {
                self.lose(now, random);
            }
            // A vote that was pending when the lock was won or the waiter was cancelled.
            Phase::Holding | Phase::Over => self.leave_if_registered(node),
            _ => {}
        }
    }

    fn win(&mut self, now: Micros) {
        self.phase = Phase::Holding;
        self.timers.release = Some(now + self.hold);
        for node in 0..self.votes.len() {
            self.leave_if_registered(node);
        }
    }

    fn leave_if_registered(&mut self, node: usize) {
        let leaves = self.rules.winners_leave || self.phase == Phase::Over;
        if leaves && matches!(self.votes[node], Vote::Busy { .. }) {
            self.send(node, Request::Leave);
        }
    }

    fn lose(&mut self, now: Micros, random: &mut Random) {
        self.phase = Phase::Waiting;
        let lease = self.lease();
        let requeue = Some(self.entry(now));
        for node in 0..self.votes.len() {
            if matches!(self.votes[node], Vote::Granted | Vote::Pending) {
                self.send(node, Request::Release { lease, requeue });
            }
        }
        let refusal = self.refusal();
        let interval = POLL_CAP.min(RETRY_DELAY << self.refusals.min(8));
        self.refusals += 1;
        if self.rules.polls {
            let poll = random.between(interval / 2, interval);
            self.timers.poll = Some(now + poll.min(refusal.until_free(random)));
        }
        if refusal.rank < LOOKERS {
            self.timers.look = Some(now + LOOK_DELAY);
        }
        self.follow_hints(now, random);
    }

    fn refusal(&self) -> Refusal {
        let mut ends: Vec<(Micros, bool)> = Vec::new();
        let mut rank = usize::MAX;
        for vote in &self.votes {
            ends.push(match *vote {
                Vote::Busy {
                    remaining,
                    rank: there,
                    is_reserved,
                } => {
                    rank = rank.min(there);
                    (remaining, is_reserved)
                }
                Vote::Failed => (Micros::MAX, false),
                Vote::Granted | Vote::Pending => (0, false),
            });
        }
        ends.sort_unstable();
        let (remaining, is_reserved) = ends[self.quorum() - 1];
        Refusal {
            remaining,
            is_reserved,
            rank,
        }
    }

    /// Takes a hint, unless the node sent it before it voted in the round in flight.
    pub(crate) fn hint(&mut self, now: Micros, node: usize, random: &mut Random) {
        self.hinted[node] = self.votes[node] != Vote::Pending;
        if self.phase == Phase::Waiting {
            self.follow_hints(now, random);
        }
    }

    /// Starts a round at a quorum of hints, and some time after the first one.
    fn follow_hints(&mut self, now: Micros, random: &mut Random) {
        let hints = self.hinted.iter().filter(|it| **it).count();
        if hints >= self.quorum() {
            self.refusals = 0;
            self.minorities = 0;
            self.begin_round(now);
        } else if hints > 0 && self.timers.hint.is_none() {
            let doublings = self.minorities.min(HINT_DOUBLINGS);
            let doublings = if self.rules.backs_off { doublings } else { 0 };
            let delay = random.between(HINT_DELAY.0, HINT_DELAY.1);
            self.timers.hint = Some(now + (delay << doublings));
        }
    }
}

impl Refusal {
    /// Returns when to poll because a quorum may be free. The front of the list polls first.
    fn until_free(self, random: &mut Random) -> Micros {
        let jitter = if self.is_reserved {
            let ranks = 1 + self.rank as Micros;
            random.between(0, RANK_JITTER * ranks)
        } else if self.rank < LOOKERS {
            random.between(0, LEASE_JITTER)
        } else {
            return Micros::MAX;
        };
        self.remaining.saturating_add(jitter)
    }
}
