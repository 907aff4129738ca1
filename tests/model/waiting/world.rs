//! The simulation: contenders and nodes, and the messages and timers that are pending.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::contender::{Contender, Phase};
use super::fault::Fault;
use super::message::{Push, Request, Response, Vote, Waiter};
use super::node::Node;
use super::random::Random;
use super::rules::{MS, Micros, RESERVATION, Rules};
use super::scenario::Scenario;
use super::verdict::{Faults, Turn, Violation};

/// The moment at which a simulation begins.
const BEGIN: Micros = 1_000_000 * MS;

/// A simulation.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) now: Micros,
    pub(crate) random: Random,
    pub(crate) nodes: Vec<Node>,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) cancel_at_hint: BTreeSet<Waiter>,
    pub(crate) faults: Faults,
    pub(crate) turns: Vec<Turn>,
    pub(crate) violations: Vec<Violation>,
    rules: Rules,
    /// Events by the moment at which they are due, and by a number for those due at the same time.
    agenda: BTreeMap<(Micros, usize), Event>,
    events: usize,
    /// The arrival of the last message on each connection, to nodes and to contenders.
    arrivals: BTreeMap<(Waiter, usize, Direction), Micros>,
}

/// An event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Arrive(Waiter),
    Request(Waiter, usize, Request),
    Response(Waiter, usize, Response),
    /// A timer of the contender is due, unless it was set again.
    Wake(Waiter),
    /// A key of the node is due to expire.
    Expire(usize),
    Fault(Fault),
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    ToNode,
    ToContender,
}

impl World {
    pub(crate) fn new(scenario: Scenario, rules: Rules, seed: u64) -> Self {
        let Scenario { ttl, hold, .. } = scenario;
        let names = 0..=scenario.waiters;
        let node = |_| Node {
            subscribers: names.clone().collect(),
            ..Node::default()
        };
        let contender = |name| Contender::new(name, rules, scenario.nodes, ttl, hold);
        Self {
            scenario,
            now: BEGIN,
            random: Random::new(seed),
            nodes: (0..scenario.nodes).map(node).collect(),
            contenders: names.clone().map(contender).collect(),
            cancel_at_hint: BTreeSet::new(),
            faults: Faults::default(),
            turns: Vec::new(),
            violations: Vec::new(),
            rules,
            agenda: BTreeMap::new(),
            events: 0,
            arrivals: BTreeMap::new(),
        }
    }

    pub(crate) fn at(&mut self, at: Micros, event: Event) {
        self.events += 1;
        self.agenda.insert((at, self.events), event);
    }

    /// Runs until no contender waits and no message is under way.
    pub(crate) fn run(&mut self) {
        while let Some(((at, _), event)) = self.agenda.pop_first() {
            if at > BEGIN + self.scenario.horizon {
                break;
            }
            self.now = at;
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrive(waiter) => self.step(waiter, |it, now, _| it.arrive(now)),
            Event::Request(waiter, node, request) => self.carry_out(waiter, node, request),
            Event::Response(waiter, node, response) => {
                let is_hint = matches!(response, Response::Push(Push::Hint));
                if is_hint && self.cancel_at_hint.contains(&waiter) {
                    self.cancel(waiter);
                }
                self.step(waiter, |it, now, random| {
                    it.receive(now, node, response, random);
                });
            }
            Event::Wake(waiter) => {
                let first = self.contenders[waiter].timers.first();
                if first.is_some_and(|at| at <= self.now) {
                    self.step(waiter, |it, now, _| it.wake(now));
                }
            }
            Event::Expire(node) => {
                self.nodes[node].expire(self.now);
                self.push(node);
            }
            Event::Fault(fault) => self.fail(fault),
        }
    }

    /// Lets a contender act, unless it has died or hung.
    fn step(&mut self, waiter: Waiter, act: impl FnOnce(&mut Contender, Micros, &mut Random)) {
        let contender = &mut self.contenders[waiter];
        if !contender.acts {
            return;
        }
        let before = contender.phase;
        act(contender, self.now, &mut self.random);
        let after = contender.phase;
        if before != after {
            match after {
                Phase::Holding => self.begin_turn(waiter),
                Phase::Over => self.end_turn(waiter),
                _ => {}
            }
        }
        self.dispatch(waiter);
    }

    /// Sends what a contender has to send, and sets its timer.
    pub(crate) fn dispatch(&mut self, waiter: Waiter) {
        let contender = &mut self.contenders[waiter];
        let first = contender.timers.first();
        for (node, request) in mem::take(&mut contender.sent) {
            let event = Event::Request(waiter, node, request);
            self.send((waiter, node, Direction::ToNode), event);
        }
        if let Some(at) = first {
            self.at(at.max(self.now), Event::Wake(waiter));
        }
    }

    /// Sends a message. It arrives behind the earlier ones on its connection.
    fn send(&mut self, connection: (Waiter, usize, Direction), event: Event) {
        let (waiter, node, _) = connection;
        let is_near = waiter % self.nodes.len() == node;
        let distance = if is_near { 0 } else { self.scenario.distance };
        let (shortest, longest) = self.scenario.delay;
        let at = self.now + distance + self.random.between(shortest, longest);
        let last = self.arrivals.entry(connection).or_default();
        *last = at.max(*last);
        let at = *last;
        self.at(at, event);
    }

    fn carry_out(&mut self, waiter: Waiter, index: usize, request: Request) {
        let (now, rules) = (self.now, &self.rules);
        let node = &mut self.nodes[index];
        let response = match request {
            Request::Acquire(acquire) if node.is_down => {
                Response::Acquire(acquire.lease, Vote::Failed)
            }
            _ if node.is_down => return,
            Request::Acquire(acquire) => {
                Response::Acquire(acquire.lease, node.acquire(now, rules, acquire))
            }
            Request::Release { lease, requeue } => {
                Response::Hint(node.release(now, rules, lease, requeue))
            }
            Request::Recheck => Response::Hint(node.recheck(now, rules)),
            Request::Leave => Response::Hint(node.leave(now, rules, waiter)),
            Request::Look => Response::Look(node.look(now, waiter)),
        };
        if let Response::Acquire(_, vote) = response {
            self.observe(waiter, index, vote);
        }
        self.push(index);
        let event = Event::Response(waiter, index, response);
        self.send((waiter, index, Direction::ToContender), event);
    }

    /// Sets the timer of a key, and checks that a reservation is short.
    fn observe(&mut self, waiter: Waiter, node: usize, vote: Vote) {
        match vote {
            Vote::Granted => self.at(self.now + self.scenario.ttl, Event::Expire(node)),
            Vote::Busy {
                remaining,
                is_reserved: true,
                ..
            } if remaining > RESERVATION => self.violations.push(Violation::LongRefusal(waiter)),
            _ => {}
        }
    }

    /// Sends what a node has published. Some of it is lost.
    fn push(&mut self, node: usize) {
        for (waiter, push) in mem::take(&mut self.nodes[node].pushes) {
            let is_lost = self.random.between(1, 1_000) <= self.scenario.lost;
            if is_lost && push == Push::Hint {
                *self.faults.lost_hints.entry(waiter).or_default() += 1;
            }
            if !is_lost && self.nodes[node].subscribers.contains(&waiter) {
                let event = Event::Response(waiter, node, Response::Push(push));
                self.send((waiter, node, Direction::ToContender), event);
            }
        }
    }
}
