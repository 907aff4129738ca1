//! Forming of a deployment: what a manager writes that knows none.

use super::link::Sight;
use super::manager::Progress;
use super::record::{Id, Record, Stage, Write};
use super::view::View;

impl View<'_> {
    /// The next step of forming a deployment.
    pub(super) fn form(&self, sight: Sight) -> Option<Write> {
        if self.records().any(|it| it.is_complete()) || self.sights().any(|it| it.is_none()) {
            return None;
        }
        let id = self.smallest();
        if !self.system.rules.forming.in_two_steps {
            return self.complete(sight, id, false);
        }
        if self.is_forming_everywhere() {
            let may_complete = self.is_confirmed(id) || !self.system.rules.forming.reads_again;
            let is_same = sight.record.is_some_and(|it| it.run == sight.run);
            let quarantines = self.system.rules.forming.checks_run && !is_same;
            return may_complete.then(|| self.complete(sight, id, quarantines))?;
        }
        if sight.record.is_some_and(|it| it.id == id) {
            return None;
        }
        let forming = Record {
            stage: Stage::Forming,
            ..self.complete(sight, id, false)?.record
        };
        Some(Write {
            over: sight.version(),
            record: forming,
            quarantines: false,
        })
    }

    /// The smallest forming id, or its own if all nodes are blank.
    fn smallest(&self) -> Id {
        let own = Id::try_from(self.manager).expect("the number of managers fits");
        self.records().map(|it| it.id).min().unwrap_or(own)
    }

    pub(super) fn is_confirmed(&self, id: Id) -> bool {
        self.own().progress == Progress::Confirmed(id)
    }

    /// What a manager has learnt about a deployment in forming once it has read one more record.
    pub(crate) fn progress(&self, former: Option<Sight>, sight: Sight) -> Progress {
        let id = sight.record.map(|it| it.id);
        let is_complete = sight.record.is_some_and(|it| it.is_complete());
        match self.own().progress {
            Progress::Again(own) if id == Some(own) && former.is_none() && !is_complete => {
                if self.is_forming_everywhere() {
                    return Progress::Confirmed(own);
                }
                Progress::Again(own)
            }
            Progress::Confirmed(own) if id == Some(own) && is_complete => Progress::Confirmed(own),
            _ => Progress::First,
        }
    }

    fn is_forming_everywhere(&self) -> bool {
        let id = self.smallest();
        let is_forming = |it: Record| it.stage == Stage::Forming && it.id == id;
        self.sights()
            .all(|sight| sight.is_some_and(|it| it.record.is_some_and(is_forming)))
    }

    /// Whether all nodes are to be read again before any of them is complete.
    pub(crate) fn reads_again(&self) -> Option<Id> {
        let id = self.smallest();
        let is_first = self.own().deployment.is_none() && !self.is_confirmed(id);
        let is_due = is_first && self.is_forming_everywhere();
        (is_due && self.system.rules.forming.reads_again).then_some(id)
    }
}
