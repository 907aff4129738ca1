//! Faults of contenders and nodes.

use super::contender::Phase;
use super::message::Waiter;
use super::node::Node;
use super::rules::{MS, Micros};
use super::world::{Event, World};

/// A fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The contender stops, and its connections end.
    Die(Waiter),
    /// The contender dies, together with others.
    Crash(Waiter),
    /// The contender stops, and its connections stay open.
    Hang(Waiter),
    /// The caller stops waiting.
    Cancel(Waiter),
    /// The caller stops waiting at the next hint.
    CancelAtHint(Waiter),
    /// The node stops, unless that would end the quorum.
    Stop(usize),
    /// The node starts, without data and after its quarantine.
    Start(usize),
    /// A contender connects to the node again.
    Connect(Waiter, usize),
    /// The node evicts its list and its reservation.
    Evict(usize),
    /// The clock of the node is set.
    StepClock(usize, Micros),
}

impl World {
    pub(crate) fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::Die(waiter) | Fault::Crash(waiter) => {
                self.faults.dead += 1;
                // A hint skips a dead waiter, unless it was sent before.
                let is_hinted = self.nodes.iter().any(|it| it.is_reserved_for(waiter));
                self.end(waiter, is_hinted);
                for node in &mut self.nodes {
                    node.disconnect(waiter);
                }
            }
            Fault::Hang(waiter) => self.end(waiter, true),
            Fault::Cancel(waiter) => self.cancel(waiter),
            Fault::CancelAtHint(waiter) => {
                self.cancel_at_hint.insert(waiter);
            }
            Fault::Stop(node) => self.stop(node),
            Fault::Start(node) => self.start(node),
            Fault::Connect(waiter, node) => {
                if self.contenders[waiter].acts && !self.nodes[node].is_down {
                    self.nodes[node].subscribers.insert(waiter);
                }
            }
            Fault::Evict(node) => {
                self.nodes[node].list.waiters.clear();
                self.nodes[node].next = None;
                self.faults.gaps += 1;
            }
            Fault::StepClock(node, skew) => self.nodes[node].skew = skew,
        }
    }

    pub(crate) fn cancel(&mut self, waiter: Waiter) {
        let contender = &mut self.contenders[waiter];
        if contender.is_live_waiter() {
            contender.cancel();
            self.faults.cancels += 1;
            self.dispatch(waiter);
        }
    }

    fn end(&mut self, waiter: Waiter, stalls: bool) {
        let contender = &mut self.contenders[waiter];
        contender.acts = false;
        match contender.phase {
            Phase::Round | Phase::Holding => self.faults.left_keys += 1,
            Phase::Waiting => self.faults.stalls += u64::from(stalls),
            // It may have been about to check a hint.
            Phase::Over => self.faults.gaps += 1,
            Phase::Absent => {}
        }
    }

    fn stop(&mut self, node: usize) {
        let down = self.nodes.iter().filter(|it| it.is_down).count();
        if self.nodes[node].is_down || down >= (self.nodes.len() - 1) / 2 {
            return;
        }
        let skew = self.nodes[node].skew;
        self.nodes[node] = Node {
            is_down: true,
            skew,
            ..Node::default()
        };
        self.faults.gaps += 1;
        let quarantine = self.scenario.ttl;
        self.at(self.now + quarantine, Event::Fault(Fault::Start(node)));
    }

    fn start(&mut self, node: usize) {
        self.nodes[node].is_down = false;
        for waiter in 0..self.contenders.len() {
            let at = self.now + self.random.between(0, 50 * MS);
            self.at(at, Event::Fault(Fault::Connect(waiter, node)));
        }
    }
}
