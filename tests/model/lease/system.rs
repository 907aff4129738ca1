//! System under search: managers and three nodes, and the effect of each step.

use stateright::{Model, Property};

use super::link::Link;
use super::manager::{Manager, Progress};
use super::node::{Loss, Node};
use super::properties;
use super::record::{Record, Stage, Ticks};
use super::rules::Rules;
use super::state::{MANAGERS, State};
use super::step::Step;
use crate::state::NODES;

/// The rules and the bounds of a search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System {
    pub(crate) rules: Rules,
    pub(crate) managers: usize,
    /// The managers that acquire the lock. The others only read and write records.
    pub(crate) lockers: [bool; MANAGERS],
    /// Each manager's `max_ttl`, which is also the ttl of its leases.
    pub(crate) max_ttls: [Ticks; MANAGERS],
    /// How many of the first managers know the deployment from the start. None: nodes are blank.
    pub(crate) members: usize,
    /// The `max_ttl` in the records of a deployment that exists from the start.
    pub(crate) recorded: Ticks,
    /// The age up to which a round can be won.
    pub(crate) round: Ticks,
    /// How many of the first managers write records that may arrive late.
    pub(crate) late_writers: usize,
    /// Whether the others read the result of a write later than at once.
    pub(crate) unread_writes: bool,
    /// Whether no two deployments may be complete, not even without a quorum.
    pub(crate) agrees: bool,
    /// How many times a node may lose all data under a live connection.
    pub(crate) flushes: u8,
    /// How many times a process may be replaced.
    pub(crate) restarts: u8,
    /// What a process that is not durable may lose.
    pub(crate) losses: &'static [Loss],
    /// Whether the processes that exist from the start are durable.
    pub(crate) durable: bool,
    /// Whether a later process may be durable.
    pub(crate) processes: &'static [bool],
}

impl System {
    /// Two managers of one deployment, with these rules and without faults.
    pub(crate) const fn new(rules: Rules) -> Self {
        Self {
            rules,
            managers: 2,
            lockers: [true; MANAGERS],
            max_ttls: [1; MANAGERS],
            members: 2,
            recorded: 1,
            round: 0,
            late_writers: 0,
            unread_writes: false,
            agrees: false,
            flushes: 0,
            restarts: 0,
            losses: &[Loss::Everything],
            durable: false,
            processes: &[false],
        }
    }

    /// With this `max_ttl`, for all managers and in all records.
    pub(crate) const fn ttl(self, ttl: Ticks) -> Self {
        Self {
            max_ttls: [ttl; MANAGERS],
            recorded: ttl,
            ..self
        }
    }

    fn start(&self) -> State {
        let record = Record {
            id: 0,
            stage: Stage::Complete,
            run: 0,
            durable: self.durable,
            max_ttl: self.recorded,
            quarantine: 0,
            version: 1,
        };
        let record = (self.members > 0).then_some(record);
        let mut node = Node {
            run: 0,
            durable: self.durable,
            record,
            former: record.filter(|_| self.keeps_former()),
            lock: None,
            links: [Link::default(); MANAGERS],
        };
        let mut managers = [Manager::default(); MANAGERS];
        let sight = node.sight();
        for (manager, link) in managers.iter_mut().zip(&mut node.links).take(self.members) {
            manager.deployment = Some(0);
            link.sight = Some(sight);
        }
        State {
            nodes: [node; NODES],
            managers,
            flushes: 0,
            restarts: 0,
        }
    }

    /// Whether the record before the last write can come back.
    fn keeps_former(&self) -> bool {
        self.losses.contains(&Loss::TailAndRecord)
    }

    fn read(&self, state: &mut State, manager: usize, node: usize) {
        let there = &mut state.nodes[node];
        let sight = there.sight();
        let former = there.links[manager].sight.replace(sight);
        let complete = sight.record.and_then(|it| it.complete_id());
        let progress = self.view(state, manager).progress(former, sight);
        let own = &mut state.managers[manager];
        own.deployment = own.deployment.or(complete);
        own.progress = progress;
    }

    fn send_write(&self, state: &mut State, manager: usize, node: usize) -> Option<()> {
        let write = self.view(state, manager).repair(node)?;
        let there = &mut state.nodes[node];
        let is_connected = there.links[manager].sight?.run == there.run;
        if !is_connected {
            return None;
        }
        if manager < self.late_writers {
            there.links[manager].write = Some(write);
        } else {
            there.store(write, self.keeps_former());
            if !self.unread_writes {
                self.read(state, manager, node);
            }
        }
        Some(())
    }
}

impl Model for System {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.start()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.steps(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = *last;
        match step {
            Step::Tick => state.tick(self.round),
            Step::Acquire { manager } => self.acquire(&mut state, manager),
            Step::Grant { manager, node } => self.grant(&mut state, manager, node)?,
            Step::Extend { manager, node } => self.extend(&mut state, manager, node)?,
            Step::SendRearm { manager, node } => self.send_rearm(&mut state, manager, node)?,
            Step::Rearm { manager, node } => self.rearm(&mut state, manager, node)?,
            Step::Release { manager } => state.drop_lease(manager),
            Step::Read { manager, node } => self.read(&mut state, manager, node),
            Step::ReadAgain { manager } => {
                let id = self.view(last, manager).reads_again()?;
                state.managers[manager].progress = Progress::Again(id);
                for node in &mut state.nodes {
                    node.links[manager].sight = None;
                }
            }
            Step::SendWrite { manager, node } => self.send_write(&mut state, manager, node)?,
            Step::Write { manager, node } => {
                let there = &mut state.nodes[node];
                let write = there.links[manager].write.take()?;
                there.store(write, self.keeps_former());
            }
            Step::Flush { node } => {
                state.flushes += 1;
                state.nodes[node].flush();
            }
            Step::Restart {
                node,
                loss,
                durable,
            } => {
                state.restarts += 1;
                state.nodes[node].restart(loss, durable);
            }
        }
        for node in &mut state.nodes {
            node.renumber();
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self)
    }
}
