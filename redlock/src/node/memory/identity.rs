//! The identity of a node in this process, and the record that managers keep on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::node::{
    Identified, LastLoss, NodeReport, NodeRole, Persistence, RecordChange, RecordCheck,
};
use crate::time::clock::Moment;

/// The identity of a node since its start, or since it was wiped.
#[derive(Debug)]
pub(super) struct NodeIdentity {
    run_id: Arc<str>,
    /// Whether the node knows when it last lost its data. If not, managers keep a record.
    knows_losses: bool,
    last_loss: LastLoss,
    record: Option<Arc<str>>,
    started: Moment,
    /// When the node's clock showed [`START_OF_CLOCK`]. A restart does not set it back.
    clock_started: Moment,
}

impl NodeIdentity {
    /// Creates the identity of a node that has never had any data.
    pub(super) fn new(knows_losses: bool) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            run_id: format!("memory-run-{number}").into(),
            knows_losses,
            last_loss: LastLoss::Never,
            record: None,
            started: Moment::now(),
            clock_started: Moment::now(),
        }
    }

    /// Returns the identity of the node once it was restarted without its data.
    pub(super) fn after_loss(&self) -> Self {
        let restarted = Self::new(self.knows_losses);
        Self {
            last_loss: LastLoss::At(restarted.started),
            clock_started: self.clock_started,
            ..restarted
        }
    }

    /// Returns the identity once the node was restarted with its data.
    pub(super) fn after_restart(&self) -> Self {
        Self {
            last_loss: self.last_loss,
            record: self.record.clone(),
            clock_started: self.clock_started,
            ..Self::new(self.knows_losses)
        }
    }

    /// Returns the identity once all data was deleted in the same process.
    pub(super) fn after_flush(&self) -> Self {
        let now = Moment::now();
        let run_id = if self.knows_losses {
            Self::new(true).run_id
        } else {
            Arc::clone(&self.run_id)
        };
        Self {
            run_id,
            knows_losses: self.knows_losses,
            last_loss: LastLoss::At(now),
            record: None,
            started: self.started,
            clock_started: self.clock_started,
        }
    }

    /// Returns the identity at `now` on the node's clock, after making `change` if nothing has
    /// changed since the record was read.
    pub(super) fn identify(&mut self, change: Option<RecordChange>, now: Moment) -> Identified {
        if let Some(change) = change
            && !self.knows_losses
            && change.expected == self.record
            && change.run_id.as_ref() == Some(&self.run_id)
        {
            self.record = Some(change.record);
        }
        let micros = now.saturating_since(self.clock_started).as_micros();
        let time = START_OF_CLOCK.saturating_add(u64::try_from(micros).unwrap_or(u64::MAX));
        let mut identified = Identified::new(time, Ok(self.record().cloned()));
        identified.run_id = Some(Arc::clone(&self.run_id));
        identified.uptime = Some(now.saturating_since(self.started));
        identified.last_loss = self.knows_losses.then_some(self.last_loss);
        identified
    }

    /// Adds what is known of the node to its report.
    pub(super) fn describe(&self, report: &mut NodeReport, now: Moment) {
        report.role = Some(NodeRole::Master);
        report.persistence = Some(Persistence::None);
        report.replicas = Some(0);
        report.run_id = Some(Arc::clone(&self.run_id));
        report.uptime = Some(now.saturating_since(self.started));
    }

    /// Whether the record is the one that an acquire relies on.
    pub(super) fn is_unchanged(&self, check: &RecordCheck) -> bool {
        self.record() == check.expected.as_ref()
    }

    /// The record, or what stands for it: the run id changes with each loss.
    fn record(&self) -> Option<&Arc<str>> {
        if self.knows_losses {
            Some(&self.run_id)
        } else {
            self.record.as_ref()
        }
    }
}

/// What the clock of a node shows at its start. It is never zero, like that of a server.
const START_OF_CLOCK: u64 = 1_000_000_000;
