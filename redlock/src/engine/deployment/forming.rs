//! The forming of a deployment on nodes that have no record.
//!
//! ```text
//! 1  all N nodes have been seen, none is complete       wait, then read
//! 2  an id is written over each blank record            CAS: two managers cannot both write
//! 3  of several ids, the smallest replaces the others
//! 4  all N nodes have one id, and all N are read again
//! 5  all N still have the same records                  `complete` is written over each
//! ```
//!
//! An id comes into being only over a blank record. Once step 4 has seen the same id on all nodes,
//! no other one can come into being, or be smaller. The second reading shows that there was a moment
//! at which no node was complete, so that no lock can have been granted before. Step 5 replaces
//! exactly what was read. It can therefore fail only because a node has lost its data meanwhile, or
//! because another manager was faster.
//!
//! As long as a node does not respond, it may be the one with the record that says `complete`. The
//! others are then in quarantine, and the deployment forms on them at its end.

use std::sync::Arc;

use crate::engine::deployment::memory::{Agreed, AgreedRecord};
use crate::engine::deployment::plan::{Action, Decision, FORMING_DELAY, Planner};
use crate::engine::deployment::record::{IdentityRecord, RecordState};
use crate::engine::deployment::standing::{Cause, Standing};
use crate::engine::deployment::view::{Content, Sighting, View};

impl Planner<'_> {
    /// Decides about the nodes without a deployment.
    pub(super) fn form(&mut self, decisions: &mut [Decision]) {
        let is_missing = |view: &View| matches!(view, View::Pending | View::Failed(..));
        let are_missing = self.views.iter().any(is_missing);
        let participants: Vec<usize> = (0..self.views.len())
            .filter(|node| self.takes_part(*node, &decisions[*node]))
            .collect();
        if participants.is_empty() {
            return;
        }
        if are_missing && !self.may_form_without_others(&participants) {
            self.memory.forming.since = None;
            self.keep_out(&participants, decisions);
            return;
        }
        for (node, action) in self.actions(&participants) {
            decisions[node].action = action;
        }
    }

    /// Whether the node is to be formed: it was seen, it has no deployment, and it is not refused.
    fn takes_part(&self, node: usize, decision: &Decision) -> bool {
        let seen = self.views[node].seen();
        let is_blank = seen.is_some_and(|sighting| match &sighting.content {
            Content::Absent => true,
            Content::Record(record) => record.state == RecordState::Forming,
            Content::Denied | Content::Foreign => false,
        });
        is_blank && decision.standing.is_pending()
    }

    /// Whether a quorum has been blank for so long that no lock can have been lost.
    fn may_form_without_others(&mut self, participants: &[usize]) -> bool {
        let longest = self.longest();
        let neutral = self.views.iter().filter(|view| view.is_neutral()).count();
        let count = participants.len() + neutral;
        let now = self.now;
        let allowed = self.memory.forming.without_others_until;
        if allowed.is_some_and(|until| now < until) {
            return true;
        }
        let mut are_over = true;
        for node in participants {
            // Another version: a record may have been there meanwhile.
            let version = self.views[*node].seen().map_or(0, |seen| seen.version);
            let blank = &mut self.memory.nodes[*node].blank_since;
            if blank.is_none_or(|(_, of)| of != version) {
                *blank = Some((now, version));
            }
            let since = blank.map_or(now, |(since, _)| since);
            are_over &= since.checked_add(longest).is_some_and(|ends| now >= ends);
        }
        let may_form = are_over && count >= self.rules.quorum.needed();
        if may_form {
            // Their records change from now on, so they are blank no longer.
            self.memory.forming.without_others_until = now.checked_add(FORMING_DELAY);
        }
        may_form
    }

    /// Keeps blank nodes out while another node has not been seen.
    fn keep_out(&mut self, participants: &[usize], decisions: &mut [Decision]) {
        // A node that is being read is no reason yet.
        let waits = self
            .views
            .iter()
            .zip(&*self.memory.nodes)
            .filter_map(|(view, node)| {
                let failed = matches!(view, View::Failed(..)).then_some(self.now);
                failed.or_else(|| node.pending_since?.checked_add(FORMING_DELAY))
            });
        let patience = waits.min();
        if patience.is_some_and(|end| self.now < end) {
            self.wake_by(patience);
            return;
        }
        for node in participants {
            let blank = self.memory.nodes[*node].blank_since;
            let since = blank.map_or(self.now, |(since, _)| since);
            let ends = since.saturating_add(self.longest());
            self.wake_by(Some(ends));
            decisions[*node].standing = Standing::Quarantined(ends, Cause::MayBeLost);
        }
    }

    /// Returns the next step for each participant.
    fn actions(&mut self, participants: &[usize]) -> Vec<(usize, Action)> {
        let Some(id) = self.id_to_form(participants) else {
            return Vec::new();
        };
        let forming = |node: usize| self.views[node].forming();
        let others: Vec<usize> = participants
            .iter()
            .copied()
            .filter(|node| forming(*node).is_none_or(|record| record.id != id))
            .collect();
        if !others.is_empty() {
            self.memory.forming.agreed = None;
            let nodes = self.rules.quorum.nodes();
            let record = IdentityRecord::forming(id, nodes, self.memory.max_ttl);
            let write = |node| (node, Action::Write(record.clone()));
            return others.into_iter().map(write).collect();
        }
        self.finish(&id, participants)
    }

    /// Returns the smallest id that a node has, or one that is drawn once others had their turn.
    fn id_to_form(&mut self, participants: &[usize]) -> Option<Arc<str>> {
        let ids = participants
            .iter()
            .filter_map(|node| self.views[*node].forming());
        if let Some(id) = ids.map(|record| &record.id).min() {
            return Some(Arc::clone(id));
        }
        let now = self.now;
        let since = *self.memory.forming.since.get_or_insert(now);
        let ends = since.checked_add(FORMING_DELAY).unwrap_or(now);
        if now < ends {
            self.wake_by(Some(ends));
            return None;
        }
        let drawn = &mut self.memory.forming.drawn;
        Some(Arc::clone(
            drawn.get_or_insert_with(IdentityRecord::draw_id),
        ))
    }

    /// Returns the steps once all participants have one id: read all again, then write `complete`.
    fn finish(&mut self, id: &Arc<str>, participants: &[usize]) -> Vec<(usize, Action)> {
        let seen = |node: &usize| Some((*node, self.views[*node].seen()?));
        let seen: Vec<(usize, &Sighting)> = participants.iter().filter_map(seen).collect();
        let records = seen
            .iter()
            .filter_map(|(node, it)| AgreedRecord::of(*node, it));
        let records: Vec<_> = records.collect();
        let forming = &mut self.memory.forming;
        let is_same = |agreed: &Agreed| agreed.id == *id && agreed.records == records;
        let agreed = match forming.agreed.take().filter(is_same) {
            Some(agreed) => agreed,
            None => Agreed {
                id: Arc::clone(id),
                readings: self.readings,
                records,
                is_verified: false,
            },
        };
        let readings = agreed.readings;
        let old = seen.iter().filter(|(_, it)| it.number <= readings);
        let old: Vec<_> = old.map(|(node, _)| (*node, Action::Read)).collect();
        forming.agreed = Some(Agreed {
            is_verified: old.is_empty(),
            ..agreed
        });
        if !old.is_empty() {
            return old;
        }
        let complete = |(node, it): (usize, &Sighting)| {
            let record = self.complete_record(id, it);
            (node, Action::Write(record))
        };
        seen.into_iter().map(complete).collect()
    }
}
