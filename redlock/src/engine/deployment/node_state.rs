//! The state of one node of a deployment.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::deployment::applicant::Applicant;
use crate::engine::deployment::plan::REPEAT_DELAY;
use crate::engine::deployment::standing::{Cause, Standing};
use crate::engine::deployment::view::{Content, Sighting, View};
use crate::error::{NodeError, NodeErrorKind};
use crate::node::{Identified, NodeResult, Watch};
use crate::time::clock::Moment;
use crate::time::validity;

/// The state of one node.
pub(super) struct NodeState {
    pub(super) view: View,
    pub(super) standing: Standing,
    /// The last quarantine. It still applies while the record is read again.
    quarantined: Option<(Moment, Cause)>,
    /// The node that is the same server, if there is one.
    pub(super) alias_of: Option<usize>,
    /// Whether the node has to be read again.
    pub(super) is_dirty: bool,
    /// The number of the reading or the change that has no response yet, and when it was sent.
    in_flight: Option<(u64, Moment)>,
    /// Why the record could not be changed, and when. Tried again later.
    refusal: Option<(NodeError, Moment)>,
    /// The number of changes in a row that did not lead to the record that was wanted.
    changes: u32,
    /// The number of the connection.
    pub(super) connection: u64,
    /// Whether live leases must extend at the node, once it is identified.
    pub(super) has_changed: bool,
    /// Whether that is because of a new connection.
    pub(super) is_new_connection: bool,
    /// Whether the quarantine was logged.
    pub(super) is_logged: bool,
    /// Acquires that wait for the decision.
    applicants: Vec<Arc<dyn Applicant>>,
    /// Requests that wait for the node to have a vote.
    watches: Vec<Watch>,
}

impl NodeState {
    pub(super) fn new(standing: Standing) -> Self {
        Self {
            view: View::Pending,
            standing,
            quarantined: None,
            alias_of: None,
            is_dirty: true,
            in_flight: None,
            refusal: None,
            changes: 0,
            connection: 0,
            has_changed: true,
            is_new_connection: false,
            is_logged: false,
            applicants: Vec::new(),
            watches: Vec::new(),
        }
    }

    /// Forgets what was seen: the record may have changed.
    pub(super) fn invalidate(&mut self) {
        self.view = View::Pending;
        self.is_dirty = true;
        self.in_flight = None;
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Records that a reading or a change is sent.
    pub(super) fn send(&mut self, number: u64, sent: Moment) {
        self.in_flight = Some((number, sent));
        self.is_dirty = false;
    }

    /// Gives up on a response that is overdue, and repeats what failed a while ago.
    pub(super) fn repeat_if_due(&mut self, now: Moment) {
        let is_overdue = |(_, sent)| now >= after(sent, PATIENCE);
        if self.in_flight.is_some_and(is_overdue) {
            self.in_flight = None;
            let error = NodeError::new(NodeErrorKind::Timeout, "");
            self.view = View::Failed(error, now);
        }
        if self
            .refusal
            .as_ref()
            .is_some_and(|(_, at)| now >= after(*at, REPEAT_DELAY))
        {
            self.refusal = None;
        }
        if let View::Failed(_, at) = self.view
            && self.in_flight.is_none()
            && now >= after(at, REPEAT_DELAY)
        {
            self.is_dirty = true;
        }
    }

    /// Returns when [`repeat_if_due`](Self::repeat_if_due) has to be called.
    pub(super) fn next_repeat(&self) -> Option<Moment> {
        if let Some((_, sent)) = self.in_flight {
            return Some(after(sent, PATIENCE));
        }
        let failed = match &self.view {
            View::Failed(_, at) => Some(after(*at, REPEAT_DELAY)),
            View::Pending | View::Seen(_) => None,
        };
        let refused = self
            .refusal
            .as_ref()
            .map(|(_, at)| after(*at, REPEAT_DELAY));
        [failed, refused].into_iter().flatten().min()
    }

    /// Whether the record may be changed now. Counts the change.
    pub(super) fn may_change(&mut self, now: Moment) -> bool {
        if self.refusal.is_some() {
            return false;
        }
        self.changes += 1;
        if self.changes > MAX_CHANGES {
            // From now on one at a time.
            self.changes = MAX_CHANGES - 1;
            let text = "its identity record cannot be changed";
            let error = NodeError::new(NodeErrorKind::Server, text);
            self.refusal = Some((error, now));
            return false;
        }
        true
    }

    /// Records that the record is as it should be.
    pub(super) fn is_in_order(&mut self) {
        self.changes = 0;
    }

    /// Why the record could not be changed.
    pub(super) fn refusal(&self) -> Option<&NodeError> {
        self.refusal.as_ref().map(|(error, _)| error)
    }

    /// Records the response to a reading or a change. `version`: that of the record when it was
    /// sent, if it still is. Returns `false` if the response is out of date.
    pub(super) fn responded(
        &mut self,
        number: u64,
        version: Option<u64>,
        is_change: bool,
        result: NodeResult<Identified>,
        now: Moment,
    ) -> bool {
        let is_latest = self.in_flight.is_some_and(|(latest, _)| latest == number);
        if is_latest {
            self.in_flight = None;
        }
        // A slow node may respond after its reading was given up.
        let is_newer = self.view.seen().is_none_or(|seen| seen.number < number);
        let (Some(version), true) = (version, is_newer) else {
            self.is_dirty |= is_latest;
            return is_latest;
        };
        match result {
            Ok(_) if is_change => self.is_dirty = true,
            Ok(identified) => {
                self.view = View::Seen(Sighting {
                    number,
                    at: now,
                    version,
                    connection: self.connection,
                    content: Content::of(&identified),
                    identified,
                });
            }
            // What was read stays valid, and extensions need no change.
            Err(error) if is_change && is_latest => self.refusal = Some((error, now)),
            Err(error) if is_latest => self.view = View::Failed(error, now),
            Err(_) => return false,
        }
        true
    }

    /// Adds an acquire that waits for the decision.
    pub(super) fn await_decision(&mut self, applicant: Arc<dyn Applicant>) {
        if self.applicants.len() == self.applicants.capacity() {
            self.applicants.retain(|other| other.is_wanted());
        }
        self.applicants.push(applicant);
    }

    /// Adds a request that waits for the node to have a vote.
    pub(super) fn await_vote(&mut self, watch: Watch) {
        if self.watches.len() == self.watches.capacity() {
            self.watches.retain(Watch::is_live);
        }
        self.watches.push(watch);
    }

    /// How long the node stays in quarantine, as far as it is known.
    pub(super) fn quarantine(&self, now: Moment) -> Option<Duration> {
        self.quarantined
            .map(|(until, _)| validity::remaining(until, now))
    }

    /// The cause of the quarantine, unless it is over.
    pub(super) fn quarantine_cause(&self, now: Moment) -> Option<Cause> {
        let quarantined = self.quarantined.filter(|(until, _)| *until > now);
        quarantined.map(|(_, cause)| cause)
    }

    /// Sets the standing. Returns those who have waited for it.
    pub(super) fn stand(&mut self, standing: Standing) -> Waiting {
        match standing {
            Standing::Quarantined(until, cause) => self.quarantined = Some((until, cause)),
            Standing::Pending => {}
            Standing::Down | Standing::Admitted(_) | Standing::Refused(_) => {
                self.quarantined = None;
            }
        }
        self.standing = standing;
        let mut waiting = Waiting::default();
        if !self.standing.is_pending() {
            waiting.applicants = std::mem::take(&mut self.applicants);
        }
        if self.standing.is_admitted() {
            waiting.watches = std::mem::take(&mut self.watches);
        }
        waiting
    }
}

/// Those who have waited for a standing.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) applicants: Vec<Arc<dyn Applicant>>,
    pub(super) watches: Vec<Watch>,
}

fn after(moment: Moment, delay: Duration) -> Moment {
    moment.saturating_add(delay)
}

/// How long a response may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The number of changes in a row after which the next one waits. Many managers that start at once
/// are ahead of each other a few times.
const MAX_CHANGES: u32 = 16;
