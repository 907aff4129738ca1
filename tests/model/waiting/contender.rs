//! A contender: the process that waits, with at most one round in flight.

use super::message::{Entry, Hinted, Lease, Push, Request, Response, Vote, Waiter};
use super::random::Random;
use super::rules::{FREE_DELAY, Micros, Rechecks, Rules};
use super::timers::Timers;

/// A contender.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: Waiter,
    pub(crate) rules: Rules,
    pub(crate) phase: Phase,
    /// Whether it still acts: it has neither died nor hung.
    pub(crate) acts: bool,
    /// When it began to wait.
    pub(crate) since: Micros,
    pub(crate) ttl: Micros,
    pub(crate) hold: Micros,
    pub(crate) rounds: u64,
    /// When its last round began.
    pub(crate) asked: Micros,
    pub(crate) votes: Vec<Vote>,
    /// The nodes that have sent a hint since their last vote.
    pub(crate) hinted: Vec<bool>,
    /// The nodes at which it looks.
    pub(crate) looks: Vec<bool>,
    /// The results of its releases and rechecks.
    pub(crate) checks: Vec<Hinted>,
    /// The refused rounds since the last handoff.
    pub(crate) refusals: u32,
    /// The refused rounds, since the last handoff, that fewer than a quorum of hints had started.
    pub(crate) minorities: u32,
    pub(crate) timers: Timers,
    /// What the last step has sent, and to which node.
    pub(crate) sent: Vec<(usize, Request)>,
}

/// The phase of a contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not arrived.
    Absent,
    Round,
    Waiting,
    Holding,
    /// It has released the lock, or was cancelled.
    Over,
}

impl Contender {
    pub(crate) fn new(name: Waiter, rules: Rules, nodes: usize, ttl: Micros, hold: Micros) -> Self {
        Self {
            name,
            rules,
            phase: Phase::Absent,
            acts: true,
            since: 0,
            ttl,
            hold,
            rounds: 0,
            asked: 0,
            votes: vec![Vote::Failed; nodes],
            hinted: vec![false; nodes],
            looks: vec![false; nodes],
            checks: vec![Hinted::Idle; nodes],
            refusals: 0,
            minorities: 0,
            timers: Timers::default(),
            sent: Vec::new(),
        }
    }

    /// Whether it waits for the lock and would take it.
    pub(crate) fn is_live_waiter(&self) -> bool {
        self.acts && matches!(self.phase, Phase::Round | Phase::Waiting)
    }

    pub(crate) fn quorum(&self) -> usize {
        self.votes.len() / 2 + 1
    }

    /// Returns the id of its last round, which no other round has.
    pub(crate) fn lease(&self) -> Lease {
        (self.rounds << 8) + self.name as Lease
    }

    pub(crate) fn entry(&self, now: Micros) -> Entry {
        Entry {
            waiter: self.name,
            waited: now - self.since,
        }
    }

    pub(crate) fn arrive(&mut self, now: Micros) {
        self.since = now;
        self.begin_round(now);
    }

    /// Deregisters, and releases what a round in flight was granted.
    pub(crate) fn cancel(&mut self) {
        let in_flight = self.phase == Phase::Round;
        let lease = self.lease();
        self.phase = Phase::Over;
        self.timers.clear();
        for node in 0..self.votes.len() {
            if in_flight && matches!(self.votes[node], Vote::Granted | Vote::Pending) {
                let requeue = None;
                self.send(node, Request::Release { lease, requeue });
            }
            self.send(node, Request::Leave);
        }
    }

    pub(crate) fn receive(
        &mut self,
        now: Micros,
        node: usize,
        response: Response,
        random: &mut Random,
    ) {
        match response {
            Response::Acquire(lease, vote) if lease == self.lease() => {
                self.count(now, node, vote, random);
            }
            Response::Acquire(..) => {}
            Response::Hint(hinted) => self.check(now, node, hinted),
            Response::Look(left) => {
                if self.phase == Phase::Waiting && self.looks[node] && left.is_none() {
                    self.timers.round.get_or_insert(now + FREE_DELAY);
                }
            }
            Response::Push(Push::Hint) => self.hint(now, node, random),
            Response::Push(Push::Changed) => {
                if self.phase == Phase::Waiting && self.looks[node] {
                    self.send(node, Request::Look);
                }
            }
        }
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Micros) {
        match self.phase {
            Phase::Waiting if self.timers.is_round_due(now) => {
                if self.timers.hint.is_some_and(|at| at <= now) {
                    self.minorities += 1;
                }
                self.begin_round(now);
            }
            Phase::Waiting => self.look(),
            Phase::Holding => self.release(),
            Phase::Over => self.recheck(),
            Phase::Absent | Phase::Round => {}
        }
    }

    fn release(&mut self) {
        self.phase = Phase::Over;
        self.timers.clear();
        let lease = self.lease();
        for node in 0..self.votes.len() {
            let requeue = None;
            self.send(node, Request::Release { lease, requeue });
        }
    }

    /// Looks at the nodes where a key refused the last round, and watches them.
    fn look(&mut self) {
        self.timers.look = None;
        let quorum = self.quorum();
        let mut looks = 0;
        for node in 0..self.votes.len() {
            let is_refusal = matches!(self.votes[node], Vote::Busy { .. });
            self.looks[node] = looks < quorum && (is_refusal || !self.rules.looks_at_refusals);
            if self.looks[node] {
                looks += 1;
                self.send(node, Request::Look);
            }
        }
    }

    /// Notes whether a hint has to be checked later.
    fn check(&mut self, now: Micros, node: usize, hinted: Hinted) {
        self.checks[node] = hinted;
        if self.phase == Phase::Over && hinted == Hinted::Pending {
            self.timers.await_recheck(now, self.rules.rechecks);
        }
    }

    /// Checks whether the hints that it caused were taken up.
    fn recheck(&mut self) {
        self.timers.recheck = None;
        if self.rules.rechecks == Rechecks::Once {
            self.rules.rechecks = Rechecks::Never;
        }
        let busy = self.checks.iter().filter(|it| **it == Hinted::Busy);
        if busy.count() >= self.quorum() {
            return;
        }
        for node in 0..self.checks.len() {
            if self.checks[node] == Hinted::Pending {
                self.send(node, Request::Recheck);
            }
        }
    }

    pub(crate) fn send(&mut self, node: usize, request: Request) {
        self.sent.push((node, request));
    }
}
