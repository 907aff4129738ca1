//! The decision on one node, from its record and the process that it was read from.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::deployment::memory::{NodeMemory, Resize, quarantine_length};
use crate::engine::deployment::plan::{Action, Decision, FORMING_DELAY, Planner, refused};
use crate::engine::deployment::record::{IdentityRecord, RecordState};
use crate::engine::deployment::standing::{Admission, Cause, Standing, Version};
use crate::engine::deployment::view::{Sighting, View};
use crate::node::{LastLoss, RecordCheck};

impl Planner<'_> {
    /// Decides about a node with the record of a deployment that was formed.
    pub(super) fn complete(
        &mut self,
        node: usize,
        sighting: &Sighting,
        record: &IdentityRecord,
        id: &Arc<str>,
    ) -> Decision {
        let nodes = self.rules.quorum.nodes();
        let is_ours = record.id == *id;
        if !is_ours || record.nodes != nodes {
            let resize = &mut self.memory.nodes[node].resize;
            let is_rewritten = *resize == Resize::Done;
            if !self.rules.allow_resize || is_rewritten {
                return refused(misplaced(record, is_ours, nodes, is_rewritten));
            }
            *resize = Resize::Begun;
        } else if self.memory.nodes[node].resize == Resize::Begun {
            self.memory.nodes[node].resize = Resize::Done;
        }
        if !is_ours {
            return self.lost(node, sighting, id);
        }
        if !self.rules.is_quarantine_on {
            let ignored = IdentityRecord {
                is_ignored: true,
                max_ttl: self.memory.max_ttl,
                ..record.clone()
            };
            let action = Action::replace(record, ignored);
            return Decision {
                action,
                ..Decision::from(Standing::unconditional())
            };
        }
        if !sighting.is_verifiable() {
            return self.unverified(node, sighting);
        }
        let current = self.brought_up_to_date(node, sighting, record);
        let until = current.quarantined_until;
        // A quarantine that is lengthened is not another loss of data.
        let memory = &mut self.memory.nodes[node];
        let is_same_data = current.run_id == record.run_id && memory.returned_until != Some(until);
        let is_lengthened = is_same_data && memory.lengthen(record.quarantined_until, until);
        let begins = until != record.quarantined_until && !is_lengthened;
        let cause = begins.then_some(match self.memory.nodes[node].returned_until {
            Some(returned) if returned == until => Cause::Returned,
            _ => Cause::Restarted,
        });
        let quarantined = self.quarantined(node, sighting, until, cause);
        let action = Action::replace(record, current);
        let standing = match quarantined.or_else(|| self.replaced()) {
            Some(standing) => standing,
            None if action != Action::Nothing => Standing::Pending,
            None => self.admitted(sighting),
        };
        Decision {
            action,
            ..Decision::from(standing)
        }
    }

    /// Returns the record as it should be: of the current process, with the longest ttl.
    fn brought_up_to_date(
        &self,
        node: usize,
        sighting: &Sighting,
        record: &IdentityRecord,
    ) -> IdentityRecord {
        let identified = &sighting.identified;
        let is_same_process = record.run_id == identified.run_id;
        let mut current = IdentityRecord {
            nodes: self.rules.quorum.nodes(),
            run_id: identified.run_id.clone(),
            // Within a process only down: two managers may not see the same settings.
            is_durable: identified.is_durable && (record.is_durable || !is_same_process),
            max_ttl: self.memory.max_ttl,
            ..record.clone()
        };
        // The process that wrote the data must have been durable, and the one that read it must be.
        let is_intact = record.is_durable && identified.is_durable;
        if !is_same_process && !is_intact {
            current.quarantined_until = self.quarantined_until(sighting);
        } else if current.quarantined_until > millis(sighting) {
            // The quarantine was begun by a manager that did not know of the longest ttl.
            let longer = self.memory.max_ttl.saturating_sub(record.max_ttl);
            let longer = u64::try_from(longer.as_millis()).unwrap_or(u64::MAX);
            current.quarantined_until = current.quarantined_until.saturating_add(longer);
        }
        let returned = self.memory.nodes[node].returned_until.unwrap_or_default();
        current.quarantined_until = current.quarantined_until.max(returned);
        current
    }

    /// Returns the standing of a node that is in quarantine until `until` on its clock, unless that
    /// is over by our own. `cause`: if it begins now.
    fn quarantined(
        &mut self,
        node: usize,
        sighting: &Sighting,
        until: u64,
        cause: Option<Cause>,
    ) -> Option<Standing> {
        if until == 0 {
            return None;
        }
        let (longest, time) = (self.longest(), millis(sighting));
        let memory = &mut self.memory.nodes[node];
        if cause.is_some() {
            // Not the former one, even if the node's clock shows the same time as then.
            memory.quarantine = None;
        }
        let ends = memory.quarantine(until, time, longest, sighting.at);
        if ends <= self.now {
            return None;
        }
        if let (Some(cause), Some(quarantine)) = (cause, &mut memory.quarantine) {
            quarantine.cause = cause;
        }
        let cause = memory.quarantine.map_or(Cause::Reported, |it| it.cause);
        self.wake_by(Some(ends));
        Some(Standing::Quarantined(ends, cause))
    }

    /// Decides about a node that knows when it last lost its data.
    pub(super) fn attested(&mut self, sighting: &Sighting, last_loss: LastLoss) -> Decision {
        let admitted = Decision::from(Standing::Admitted(self.admission(sighting)));
        let LastLoss::At(lost) = last_loss else {
            return admitted;
        };
        let ends = lost.saturating_add(self.longest());
        if !self.rules.is_quarantine_on || ends <= self.now {
            return admitted;
        }
        self.wake_by(Some(ends));
        Decision::from(Standing::Quarantined(ends, Cause::DataLost))
    }

    /// Decides about a node that has lost its data.
    pub(super) fn lost(&mut self, node: usize, sighting: &Sighting, id: &Arc<str>) -> Decision {
        if !sighting.is_verifiable() {
            let longest = self.longest();
            self.memory.nodes[node].lose_unverified(sighting, longest);
            let record = self.complete_record(id, sighting);
            return Decision {
                action: Action::Write(record),
                ..self.unverified(node, sighting)
            };
        }
        let until = self.quarantined_until(sighting);
        let record = IdentityRecord {
            quarantined_until: until,
            ..self.complete_record(id, sighting)
        };
        let quarantined = self.quarantined(node, sighting, until, Some(Cause::DataLost));
        Decision {
            action: Action::Write(record),
            ..Decision::from(quarantined.unwrap_or(Standing::Pending))
        }
    }

    /// Decides about a node that is forming, while others are complete. The manager that forms the
    /// deployment may be about to finish. If it does not, nothing shows that the node has its data.
    pub(super) fn unfinished(
        &mut self,
        node: usize,
        sighting: &Sighting,
        id: &Arc<str>,
    ) -> Decision {
        if self.memory.forming.is_verified(node, sighting) {
            let complete = self.complete_record(id, sighting);
            return Decision {
                action: Action::Write(complete),
                ..Decision::from(Standing::Pending)
            };
        }
        let now = self.now;
        let since = *self.memory.nodes[node].unfinished_since.get_or_insert(now);
        let ends = since.checked_add(FORMING_DELAY).unwrap_or(now);
        if now >= ends {
            return self.lost(node, sighting, id);
        }
        self.wake_by(Some(ends));
        Decision::from(Standing::Pending)
    }

    /// The record of a node that has all its data, once its deployment is formed.
    pub(super) fn complete_record(&self, id: &Arc<str>, sighting: &Sighting) -> IdentityRecord {
        let (nodes, max_ttl) = (self.rules.quorum.nodes(), self.memory.max_ttl);
        IdentityRecord {
            state: RecordState::Complete,
            run_id: sighting.identified.run_id.clone(),
            is_durable: sighting.identified.is_durable,
            ..IdentityRecord::forming(Arc::clone(id), nodes, max_ttl)
        }
    }

    /// Decides about a node whose record or run id cannot be read.
    pub(super) fn unverified(&mut self, node: usize, sighting: &Sighting) -> Decision {
        let longest = self.longest();
        let memory = &mut self.memory.nodes[node];
        let ends = memory.unverified_quarantine(sighting, longest);
        if ends <= self.now {
            return Decision::from(Standing::Admitted(self.admission(sighting)));
        }
        self.wake_by(Some(ends));
        Decision::from(Standing::Quarantined(ends, Cause::Unverified))
    }

    /// The standing of every node after the deployment was formed anew.
    fn replaced(&mut self) -> Option<Standing> {
        let until = self
            .memory
            .replaced_until
            .filter(|until| *until > self.now)?;
        self.wake_by(Some(until));
        Some(Standing::Quarantined(until, Cause::Replaced))
    }

    /// The standing of a node whose record is in order.
    ///
    /// A quorum of such nodes has the same record of a deployment that was formed. As long as one is
    /// seen that has not been completed, the others wait: should both of two first nodes lose their
    /// data, nothing would be left to show that the deployment was formed.
    fn admitted(&mut self, sighting: &Sighting) -> Standing {
        let is_awaited = |(view, memory): (&View, &NodeMemory)| {
            let is_unknown = matches!(view, View::Pending) && self.memory.id.is_none();
            let since = memory.unfinished_since.unwrap_or(self.now);
            let is_recent = self.now.saturating_since(since) < FORMING_DELAY;
            let is_unfinished = view.forming().is_some() && is_recent;
            is_unknown || is_unfinished && !self.memory.is_in_use
        };
        let mut nodes = self.views.iter().zip(&self.memory.nodes);
        if nodes.any(is_awaited) {
            return Standing::Pending;
        }
        self.memory.is_in_use = true;
        Standing::Admitted(self.admission(sighting))
    }

    pub(super) fn admission(&self, sighting: &Sighting) -> Admission {
        let identified = &sighting.identified;
        let expected = identified.record.as_ref().ok();
        let check = expected.filter(|_| !identified.is_tracked).map(|expected| {
            let key = Arc::clone(&self.rules.key);
            Arc::new(RecordCheck::new(key, expected.clone()))
        });
        Admission {
            version: Version::new(sighting.version),
            check,
        }
    }

    /// The length of a quarantine.
    pub(super) fn longest(&self) -> Duration {
        quarantine_length(self.memory.max_ttl, self.rules.drift_factor)
    }

    /// The end of a quarantine that begins now, in milliseconds of the node's clock.
    pub(super) fn quarantined_until(&self, sighting: &Sighting) -> u64 {
        let longest = u64::try_from(self.longest().as_millis()).unwrap_or(u64::MAX);
        millis(sighting).saturating_add(longest)
    }
}

impl Action {
    /// Replaces `record` by `current`, if they differ.
    fn replace(record: &IdentityRecord, current: IdentityRecord) -> Self {
        if *record == current {
            Self::Nothing
        } else {
            Self::Write(current)
        }
    }
}

/// The node's clock in milliseconds.
fn millis(sighting: &Sighting) -> u64 {
    sighting.identified.time / 1000
}

fn misplaced(record: &IdentityRecord, is_ours: bool, nodes: usize, is_rewritten: bool) -> String {
    if is_rewritten {
        return "another manager with allow_resize uses it with other nodes".to_owned();
    }
    if is_ours {
        let others = record.nodes;
        return format!(
            "its deployment has {others} nodes, but {nodes} are configured here: configure the same \
             nodes everywhere, or set allow_resize"
        );
    }
    let id = &record.id;
    format!("it belongs to another deployment ({id}): remove it here, or set allow_resize")
}
