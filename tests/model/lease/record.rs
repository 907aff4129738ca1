//! The identity record of a node.

/// A number of ticks.
pub(crate) type Ticks = u8;

/// A process of a server. A restart and a failover begin another one.
pub(crate) type Run = u8;

/// The id of a deployment.
pub(crate) type Id = u8;

/// The stamp of a write, unique on its node. Later writes have larger ones.
pub(crate) type Version = u8;

/// An identity record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Record {
    pub(crate) id: Id,
    pub(crate) stage: Stage,
    /// The last process known to have all its data.
    pub(crate) run: Run,
    /// Whether that process loses nothing in a crash.
    pub(crate) durable: bool,
    /// The largest `max_ttl` in use.
    pub(crate) max_ttl: Ticks,
    /// The rest of the quarantine.
    pub(crate) quarantine: Ticks,
    pub(crate) version: Version,
}

/// How far a deployment has been formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    Forming,
    Complete,
}

/// A write of a record, in flight. It takes effect only over the version that its manager read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Write {
    /// The version that it replaces. `None` stands for a blank node.
    pub(crate) over: Option<Version>,
    /// The new record. The write itself gives it a fresh version.
    pub(crate) record: Record,
    /// Whether the node computes the end of the quarantine when it carries out the write.
    pub(crate) quarantines: bool,
}

impl Record {
    pub(crate) fn is_complete(&self) -> bool {
        self.stage == Stage::Complete
    }

    /// The complete id, if it is complete.
    pub(crate) fn complete_id(&self) -> Option<Id> {
        self.is_complete().then_some(self.id)
    }

    pub(crate) fn tick(&mut self) {
        self.quarantine = self.quarantine.saturating_sub(1);
    }
}

impl Write {
    pub(crate) fn tick(&mut self) {
        if !self.quarantines {
            self.record.tick();
        }
    }
}
