//! The decisions that follow from the sight of all nodes. Pure, apart from what it remembers.
//!
//! ```text
//! record                        decision
//! complete, same process        admitted, or in quarantine while the record says so
//! complete, another process     both durable: admitted; otherwise quarantine
//! complete, a former process    the address led to another server meanwhile: quarantine
//! none, beside a deployment     the node lost its data: quarantine
//! none anywhere                 forming
//! another deployment            no vote
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::engine::deployment::memory::Memory;
use crate::engine::deployment::record::{IdentityRecord, RecordState};
use crate::engine::deployment::standing::Standing;
use crate::engine::deployment::view::{Content, Sighting, View};
use crate::error::{NodeError, NodeErrorKind};
use crate::quorum::Quorum;
use crate::time::clock::Moment;

/// The configuration that decisions depend on.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) quorum: Quorum,
    pub(super) drift_factor: f64,
    /// Whether a node that may have lost locks is kept out.
    pub(super) is_quarantine_on: bool,
    /// Whether records of another number of nodes are replaced.
    pub(super) allow_resize: bool,
    /// The key of the record.
    pub(super) key: Arc<[u8]>,
    pub(super) names: Arc<[Arc<str>]>,
}

/// The decisions on all nodes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) nodes: Vec<Decision>,
    /// When the next decision is due, if nothing happens before.
    pub(super) wake_at: Option<Moment>,
}

/// The decision on one node.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) standing: Standing,
    /// The node that is the same server, if there is one.
    pub(super) alias_of: Option<usize>,
    pub(super) action: Action,
}

/// What to do about the record of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Read it again.
    Read,
    /// Replace it.
    Write(IdentityRecord),
}

/// Decides about all nodes.
pub(super) struct Planner<'a> {
    pub(super) rules: &'a Rules,
    pub(super) memory: &'a mut Memory,
    pub(super) views: &'a [View],
    /// The number of readings so far.
    pub(super) readings: u64,
    pub(super) now: Moment,
    pub(super) wake_at: Option<Moment>,
}

impl Planner<'_> {
    pub(super) fn plan(mut self) -> Plan {
        self.remember();
        let id = self.deployment();
        let mut nodes: Vec<Decision> = (0..self.views.len())
            .map(|node| self.decide(node, id.as_ref()))
            .collect();
        if id.is_some() {
            self.memory.forming.since = None;
            self.memory.forming.drawn = None;
        } else if self.rules.is_quarantine_on {
            self.form(&mut nodes);
        }
        Plan {
            nodes,
            wake_at: self.wake_at,
        }
    }

    /// Updates what is remembered from the latest sight.
    fn remember(&mut self) {
        for (node, view) in self.views.iter().enumerate() {
            if let View::Seen(sighting) = view {
                let until = self.quarantined_until(sighting);
                let run_id = sighting.identified.run_id.as_ref();
                self.memory.nodes[node].saw(run_id, until);
            }
            if let Some(record) = view.record() {
                self.memory.max_ttl = self.memory.max_ttl.max(record.max_ttl);
            }
            let memory = &mut self.memory.nodes[node];
            if matches!(view, View::Pending) {
                memory.pending_since.get_or_insert(self.now);
            } else {
                memory.pending_since = None;
            }
            if view.seen().is_some() && view.forming().is_none() {
                memory.unfinished_since = None;
            }
            if view.record().is_some() {
                memory.blank_since = None;
            }
        }
    }

    /// Returns the id of the deployment: the one that this manager knows, or else the one that most
    /// nodes have. Remembers it once a quorum of nodes has it.
    ///
    /// A quorum with another id than the one that is known has been formed anew, after all nodes
    /// lost their data while this manager was cut off. What it knew of is then lost.
    fn deployment(&mut self) -> Option<Arc<str>> {
        let Some((id, is_confirmed)) = self.most_common() else {
            return self.memory.id.clone();
        };
        match &self.memory.id {
            Some(known) if !is_confirmed || *known == id => return Some(Arc::clone(known)),
            Some(_) => self.memory.replaced_until = self.now.checked_add(self.longest()),
            None => {}
        }
        if is_confirmed {
            self.memory.id = Some(Arc::clone(&id));
        }
        Some(id)
    }

    /// Returns the id that most nodes have, and whether a quorum of nodes has it.
    fn most_common(&self) -> Option<(Arc<str>, bool)> {
        let ids = self.views.iter().filter_map(View::complete);
        let count = |id: &str| {
            let same = |view: &&View| view.complete().is_some_and(|record| *record.id == *id);
            self.views.iter().filter(same).count()
        };
        // Of several with the same number of nodes, the smallest: all managers choose the same.
        let id = ids
            .map(|record| (count(&record.id), std::cmp::Reverse(Arc::clone(&record.id))))
            .max()
            .map(|(_, id)| id.0)?;
        // Nodes without a readable record cannot confirm, and cannot contradict.
        let confirmed = count(&id) + self.views.iter().filter(|view| view.is_neutral()).count();
        Some((id, confirmed >= self.rules.quorum.needed()))
    }

    fn decide(&mut self, node: usize, id: Option<&Arc<str>>) -> Decision {
        let sighting = match &self.views[node] {
            View::Pending if !self.rules.is_quarantine_on => {
                return Decision::from(Standing::unconditional());
            }
            View::Pending => return Decision::from(Standing::Pending),
            View::Failed(error, _) => {
                return Decision::from(failed(error, self.rules.is_quarantine_on));
            }
            View::Seen(sighting) => sighting,
        };
        if let Some(first) = self.alias_of(node, sighting) {
            let name = &self.rules.names[first];
            return Decision {
                alias_of: Some(first),
                ..refused(format!("it is the same server as {name}"))
            };
        }
        if let Some(last_loss) = sighting.identified.last_loss {
            return self.attested(sighting, last_loss);
        }
        match (&sighting.content, id) {
            (Content::Record(record), Some(id)) if record.state == RecordState::Complete => {
                self.complete(node, sighting, record, id)
            }
            _ if !self.rules.is_quarantine_on => Decision::from(Standing::unconditional()),
            (Content::Foreign, _) => {
                let key = String::from_utf8_lossy(&self.rules.key);
                refused(format!(
                    "its key {key} does not hold an identity record of this version"
                ))
            }
            (Content::Denied, _) => self.unverified(node, sighting),
            (Content::Record(_), Some(id)) => self.unfinished(node, sighting, id),
            (Content::Absent, Some(id)) => self.lost(node, sighting, id),
            // To be formed.
            (_, None) => Decision::from(Standing::Pending),
        }
    }

    /// Returns the first node that is the same server, if there is one.
    fn alias_of(&self, node: usize, sighting: &Sighting) -> Option<usize> {
        let run_id = sighting.identified.run_id.as_ref();
        (0..node).find(|other| {
            let is_same_run =
                run_id.is_some() && self.memory.nodes[*other].run_id.as_ref() == run_id;
            let seen = self.views[*other].seen();
            is_same_run || seen.is_some_and(|other| other.is_same_server(sighting))
        })
    }

    pub(super) fn wake_by(&mut self, moment: Option<Moment>) {
        let moment = moment.filter(|moment| *moment > self.now);
        self.wake_at = match (self.wake_at, moment) {
            (Some(known), Some(moment)) => Some(known.min(moment)),
            (known, moment) => known.or(moment),
        };
    }
}

impl From<Standing> for Decision {
    fn from(standing: Standing) -> Self {
        Self {
            standing,
            alias_of: None,
            action: Action::Nothing,
        }
    }
}

/// The standing of a node that could not be identified.
fn failed(error: &NodeError, is_quarantine_on: bool) -> Standing {
    match error.kind() {
        _ if !is_quarantine_on => Standing::unconditional(),
        NodeErrorKind::Unreachable
        | NodeErrorKind::Disconnected
        | NodeErrorKind::Unresponsive
        | NodeErrorKind::Timeout
        | NodeErrorKind::Closed => Standing::Down,
        _ if !error.is_sent() => Standing::Down,
        _ => Standing::Refused(error.clone()),
    }
}

pub(super) fn refused(text: String) -> Decision {
    let error = NodeError::unsent(NodeErrorKind::Misplaced, text);
    Decision::from(Standing::Refused(error))
}

/// How long a manager that forms a deployment lets others come first: longer than a living manager,
/// which may know the deployment, takes to reconnect.
pub(super) const FORMING_DELAY: Duration = Duration::from_secs(1);

/// The delay before a node that could not be identified is tried again.
pub(super) const REPEAT_DELAY: Duration = Duration::from_secs(1);
