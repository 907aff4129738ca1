//! Repairs of records: what a manager that knows the deployment writes.

use super::link::Sight;
use super::record::{Id, Record, Stage, Ticks, Write};
use super::rules::{Blank, Durability};
use super::view::View;
use crate::state::NODES;

impl View<'_> {
    /// The write that makes a node's record right, if it knows what is right.
    pub(crate) fn repair(&self, node: usize) -> Option<Write> {
        let sight = self.link(node).sight?;
        let Some(id) = self.own().deployment else {
            return self.form(sight);
        };
        match sight.record {
            Some(record) if record.is_complete() => self.renew(sight, record, id),
            Some(record) if record.id == id => {
                let forming = self.system.rules.forming;
                let is_same = record.run == sight.run || !forming.checks_run;
                let is_known = self.is_confirmed(id) || forming.trusts_forming;
                self.complete(sight, id, !(is_same && is_known))
            }
            Some(_) => self.complete(sight, id, true),
            None => self.complete(sight, id, !self.is_taken_for_new(node, sight)),
        }
    }

    /// Brings a complete record up to date.
    fn renew(&self, sight: Sight, record: Record, id: Id) -> Option<Write> {
        if record.id != id {
            return None;
        }
        let is_durable = match self.system.rules.durability {
            Durability::BothProcesses => record.durable && sight.durable,
            Durability::NewProcess => sight.durable,
        };
        if record.run != sight.run && !is_durable {
            return self.complete(sight, id, true);
        }
        let max_ttl = record.max_ttl.max(self.own_max_ttl());
        let renewed = Record {
            run: sight.run,
            durable: sight.durable,
            max_ttl,
            ..record
        };
        (renewed != record).then_some(Write {
            over: Some(record.version),
            record: Record {
                version: 0,
                ..renewed
            },
            quarantines: false,
        })
    }

    fn is_taken_for_new(&self, node: usize, sight: Sight) -> bool {
        let is_blank = |sight: Option<Sight>| sight.is_some_and(|it| it.record.is_none());
        match self.system.rules.blank {
            Blank::Never => false,
            Blank::IfOlder => sight.run == 0,
            Blank::IfOthersAre => {
                (0..NODES).any(|other| other != node && is_blank(self.link(other).sight))
            }
        }
    }

    pub(super) fn complete(&self, sight: Sight, id: Id, quarantines: bool) -> Option<Write> {
        let quarantines = quarantines && self.system.rules.quarantine;
        let quarantine = if quarantines { self.quarantine()? } else { 0 };
        let former = sight.record.map_or(0, |it| it.max_ttl);
        let known = self.members().map(|it| it.max_ttl).fold(0, Ticks::max);
        let record = Record {
            id,
            stage: Stage::Complete,
            run: sight.run,
            durable: sight.durable,
            max_ttl: self.own_max_ttl().max(former).max(known),
            quarantine,
            version: 0,
        };
        Some(Write {
            over: sight.version(),
            record,
            quarantines,
        })
    }
}
