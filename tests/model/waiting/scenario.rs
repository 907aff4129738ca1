//! Scenarios: who waits, for how long, and what fails.

use super::fault::Fault;
use super::message::Waiter;
use super::random::Random;
use super::rules::{MS, Micros, Rules};
use super::world::{Event, World};

/// The bounds of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) nodes: usize,
    /// The contenders that arrive while another one holds the lock.
    pub(crate) waiters: usize,
    /// The last of these arrive later, in the middle of the others' turns.
    pub(crate) newcomers: usize,
    pub(crate) hold: Micros,
    /// The least time between two arrivals.
    pub(crate) spacing: Micros,
    /// The shortest and the longest time that a message is under way.
    pub(crate) delay: (Micros, Micros),
    /// The time that is added on the way to a node of another zone.
    pub(crate) distance: Micros,
    /// How many of a thousand pushes are lost.
    pub(crate) lost: u64,
    pub(crate) ttl: Micros,
    /// The time that rounds of waiters which disagree on their order may take.
    pub(crate) collisions: Micros,
    /// The time after which a contender that still waits is unserved.
    pub(crate) horizon: Micros,
    /// The contenders to which each of these happens while they wait.
    pub(crate) hang: usize,
    pub(crate) die: usize,
    /// The contenders that die together, before the first release.
    pub(crate) crash: usize,
    pub(crate) cancel: usize,
    /// The contenders that are cancelled when a hint reaches them.
    pub(crate) cancel_at_hint: usize,
    /// How many times a node is stopped, and starts again without data when its quarantine is over.
    pub(crate) restarts: usize,
    /// How many times a node loses a list.
    pub(crate) evictions: usize,
    /// How many times the clock of a node steps.
    pub(crate) clock_steps: usize,
}

impl Scenario {
    /// Waiters that agree on their order, without a fault.
    pub(crate) const fn new(nodes: usize, waiters: usize) -> Self {
        Self {
            nodes,
            waiters,
            newcomers: 0,
            hold: 20 * MS,
            spacing: 2 * MS,
            delay: (100, 1_000),
            distance: 0,
            lost: 0,
            collisions: 0,
            horizon: 120_000 * MS,
            ttl: 2_000 * MS,
            hang: 0,
            die: 0,
            crash: 0,
            cancel: 0,
            cancel_at_hint: 0,
            restarts: 0,
            evictions: 0,
            clock_steps: 0,
        }
    }

    /// The longest time that a message is under way.
    pub(crate) const fn max_delay(&self) -> Micros {
        self.delay.1 + self.distance
    }

    /// Runs the scenario with the schedule of a seed.
    pub(crate) fn run(&self, rules: Rules, seed: u64) -> World {
        let mut world = World::new(*self, rules, seed);
        let mut random = Random::new(!seed);
        let begin = world.now;
        let mut arrival = begin + 5 * MS;
        world.at(begin, Event::Arrive(0));
        let early = self.waiters - self.newcomers;
        for waiter in 1..=early {
            arrival += random.between(self.spacing, self.spacing + self.spacing / 2);
            world.at(arrival, Event::Arrive(waiter));
        }
        let first = arrival + 5 * MS;
        world.contenders[0].hold = first - begin;
        let last = first + self.hold * self.waiters as Micros;
        for waiter in early + 1..=self.waiters {
            let at = random.between(first, last);
            world.at(at, Event::Arrive(waiter));
        }
        for fault in self.faults(&mut random) {
            let at = match fault {
                Fault::CancelAtHint(_) => begin,
                Fault::Crash(_) => first - MS,
                _ => random.between(begin + 5 * MS, last),
            };
            world.at(at, Event::Fault(fault));
        }
        world.run();
        world
    }

    /// Returns the faults, at most one for each contender.
    fn faults(&self, random: &mut Random) -> Vec<Fault> {
        let mut waiters: Vec<Waiter> = (1..=self.waiters).collect();
        let mut faults = Vec::new();
        let mut happen = |times, fault: fn(Waiter) -> Fault, random: &mut Random| {
            for _ in 0..times {
                let waiter = waiters.swap_remove(random.index(waiters.len()));
                faults.push(fault(waiter));
            }
        };
        happen(self.hang, Fault::Hang, random);
        happen(self.die, Fault::Die, random);
        happen(self.crash, Fault::Crash, random);
        happen(self.cancel, Fault::Cancel, random);
        happen(self.cancel_at_hint, Fault::CancelAtHint, random);
        faults.extend((0..self.restarts).map(|_| Fault::Stop(random.index(self.nodes))));
        faults.extend((0..self.evictions).map(|_| Fault::Evict(random.index(self.nodes))));
        for _ in 0..self.clock_steps {
            let node = random.index(self.nodes);
            faults.push(Fault::StepClock(node, random.between(0, 200 * MS)));
        }
        faults
    }
}
