//! The steps of a deployment: what was seen is turned into standings, readings and changes.
//!
//! A step is taken under the lock, and its result is carried out without it. Responses may arrive
//! while it is carried out, on this thread or on another. They make the same caller take another
//! step, so steps never overlap.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use crate::engine::deployment::node_state::{NodeState, Waiting};
use crate::engine::deployment::plan::{Action, Plan, Planner};
use crate::engine::deployment::standing::{Admission, Standing};
use crate::engine::deployment::{Deployment, State};
use crate::node::{
    Command, Identified, Identify, NodeResult, RecordChange, Responder, Session, SessionObserver,
    Watch,
};
use crate::time::clock::Moment;

/// The result of one step, carried out without the lock.
#[derive(Default)]
struct Work {
    requests: Vec<Request>,
    waiting: Vec<(usize, Waiting)>,
    /// Nodes that are connected again, or have lost data. Live leases extend there.
    changed: Vec<usize>,
    has_changed: bool,
}

/// A reading or a change to send.
struct Request {
    node: usize,
    number: u64,
    version: u64,
    change: Option<RecordChange>,
}

/// A step that is carried out. It ends too if a session or a lease panics.
struct Driving<'a>(&'a Deployment);

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.0.state.lock().is_driving = false;
    }
}

impl Deployment {
    /// Takes steps until nothing is left to do. Responses may arrive, and call this, while it runs.
    pub(super) fn drive(&self) {
        let Some(sessions) = self.sessions.get() else {
            return;
        };
        loop {
            let work = {
                let mut state = self.state.lock();
                if state.is_driving {
                    state.is_due = true;
                    return;
                }
                (state.is_driving, state.is_due) = (true, false);
                self.step(&mut state)
            };
            let driving = Driving(self);
            self.carry_out(work, sessions);
            drop(driving);
            if !self.state.lock().is_due {
                return;
            }
        }
    }

    /// Decides what to do next.
    fn step(&self, state: &mut State) -> Work {
        let (now, mut work) = (Moment::now(), Work::default());
        for node in &mut state.nodes {
            node.repeat_if_due(now);
        }
        let plan = self.plan(state, now);
        for (node, decision) in plan.nodes.into_iter().enumerate() {
            let change = match decision.action {
                Action::Nothing => None,
                Action::Read => {
                    state.nodes[node].is_dirty = true;
                    None
                }
                Action::Write(record) => state.nodes[node].view.seen().map(|seen| {
                    let expected = seen.identified.record.clone().ok().flatten();
                    let run_id = seen.identified.run_id.clone();
                    RecordChange::new(expected, run_id, record.to_text())
                }),
            };
            let is_dirty = state.nodes[node].is_dirty;
            let is_in_flight = state.nodes[node].is_in_flight();
            let wants_change = change.is_some();
            if !wants_change && state.nodes[node].view.seen().is_some() {
                state.nodes[node].is_in_order();
            }
            let may_change = |state: &mut State| state.nodes[node].may_change(now);
            let is_sent = is_dirty || is_in_flight || !wants_change || may_change(state);
            let change = change.filter(|_| is_sent);
            if (is_dirty || change.is_some()) && !is_in_flight {
                let change = change.filter(|_| !is_dirty);
                // Leases are called again once the change was read.
                state.nodes[node].has_changed |= change.is_some();
                state.sent += 1;
                let number = state.sent;
                state.nodes[node].send(number, now);
                work.requests.push(Request {
                    node,
                    number,
                    version: self.versions.get(node),
                    change,
                });
            }
            state.nodes[node].alias_of = decision.alias_of;
            let standing = match (decision.standing, state.nodes[node].refusal()) {
                (Standing::Pending, Some(error)) if wants_change => {
                    Standing::Refused(error.clone())
                }
                (standing, _) => standing,
            };
            self.stand(state, node, standing, &mut work);
        }
        if let Some(id) = &state.memory.id {
            *self.known.lock() = Some(Arc::clone(id));
        }
        let repeats = state.nodes.iter().filter_map(NodeState::next_repeat);
        let wake_at = repeats.chain(plan.wake_at).min();
        self.arm(state, wake_at);
        work
    }

    fn plan(&self, state: &mut State, now: Moment) -> Plan {
        let views = state.nodes.iter_mut().map(|node| &mut node.view);
        let views: Vec<_> = views.map(std::mem::take).collect();
        let planner = Planner {
            rules: &self.rules,
            memory: &mut state.memory,
            views: &views,
            readings: state.sent,
            now,
            wake_at: None,
        };
        let plan = planner.plan();
        for (node, view) in state.nodes.iter_mut().zip(views) {
            node.view = view;
        }
        plan
    }

    /// Applies a standing, and notes who has to know.
    fn stand(&self, state: &mut State, index: usize, standing: Standing, work: &mut Work) {
        let node = &mut state.nodes[index];
        let version = match &standing {
            Standing::Admitted(Admission {
                version,
                check: None,
            }) => version.number(),
            _ => 0,
        };
        self.admitted[index].store(version, Ordering::SeqCst);
        self.log(index, node, &standing);
        let is_identified = !matches!(standing, Standing::Pending | Standing::Down);
        if is_identified && std::mem::take(&mut node.has_changed) {
            // Leases extend behind the change of the record, which was sent before.
            self.identified[index].store(true, Ordering::SeqCst);
            let is_lost = matches!(standing, Standing::Quarantined(..));
            let is_new = std::mem::take(&mut node.is_new_connection);
            work.changed.extend((is_new || is_lost).then_some(index));
        }
        work.has_changed |= !node.standing.is_same(&standing);
        work.waiting.push((index, node.stand(standing)));
    }

    fn log(&self, index: usize, node: &mut NodeState, standing: &Standing) {
        let name = &self.rules.names[index];
        match standing {
            Standing::Quarantined(until, cause) if !node.is_logged => {
                let remaining = until.saturating_since(Moment::now());
                tracing::warn!(node = %name, %cause, ?remaining, "node is in quarantine");
            }
            Standing::Refused(cause) if !node.is_logged => {
                tracing::warn!(node = %name, %cause, "node has no vote");
            }
            Standing::Admitted(_) if node.is_logged => {
                tracing::info!(node = %name, "node has a vote again");
            }
            _ => {}
        }
        match standing {
            Standing::Quarantined(..) | Standing::Refused(_) => node.is_logged = true,
            Standing::Admitted(_) => node.is_logged = false,
            Standing::Pending | Standing::Down => {}
        }
    }

    /// Sets the timer.
    fn arm(&self, state: &mut State, wake_at: Option<Moment>) {
        if state.timer.map(|timer| timer.at) == wake_at {
            return;
        }
        if let Some(old) = state.timer.take() {
            self.timers.remove(old);
        }
        if let Some(moment) = wake_at {
            let timed: Weak<Self> = Weak::clone(&self.itself);
            state.timer = self.timers.insert(moment, timed);
        }
    }

    fn carry_out(&self, work: Work, sessions: &[Arc<dyn Session>]) {
        for request in work.requests {
            self.send(&sessions[request.node], request);
        }
        for (node, waiting) in work.waiting {
            for applicant in waiting.applicants {
                applicant.decided(node);
            }
            for watch in waiting.watches {
                let _is_live = watch.notify();
            }
        }
        for node in work.changed {
            self.registry.connected(node);
        }
        if work.has_changed {
            self.changed.notify_waiters();
        }
    }

    fn send(&self, session: &Arc<dyn Session>, request: Request) {
        let Request {
            node,
            number,
            version,
            change,
        } = request;
        let Some(itself) = self.itself.upgrade() else {
            return;
        };
        // A change is read again behind it, with a watch. Tracked from here on, it would notify of
        // itself.
        let watch = change.is_none().then(|| Watch::new(&itself, node));
        let (deployment, is_change) = (Weak::clone(&self.itself), change.is_some());
        let responder = Responder::from_fn(move |result| {
            if let Some(deployment) = deployment.upgrade() {
                deployment.on_identified(node, (number, version), is_change, result);
            }
        });
        let key = Arc::clone(&self.rules.key);
        let identify = Identify::new(key, responder).change(change).watch(watch);
        session.submit(Command::Identify(identify.into()));
    }

    fn on_identified(
        &self,
        node: usize,
        (number, version): (u64, u64),
        is_change: bool,
        result: NodeResult<Identified>,
    ) {
        let is_new = {
            let mut state = self.state.lock();
            let version = Some(version).filter(|version| *version == self.versions.get(node));
            state.nodes[node].responded(number, version, is_change, result, Moment::now())
        };
        if is_new {
            self.drive();
        }
    }
}
