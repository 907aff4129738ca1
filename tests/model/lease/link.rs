//! A manager's knowledge of a node, and the messages in flight between them.

use super::record::{Record, Run, Ticks, Version, Write};

/// A manager's side of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Link {
    pub(crate) sight: Option<Sight>,
    /// A record write in flight.
    pub(crate) write: Option<Write>,
    /// An acquire in flight.
    pub(crate) acquire: Option<Acquire>,
    /// A re-arm in flight.
    pub(crate) rearm: Option<Rearm>,
    /// How long the node holds the lease, as its manager knows. Zero if it does not.
    pub(crate) hold: Ticks,
}

/// What a manager read from a node last. It may be out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sight {
    pub(crate) run: Run,
    pub(crate) durable: bool,
    pub(crate) record: Option<Record>,
}

/// An acquire in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Acquire {
    /// How long its grant would be valid.
    pub(crate) left: Ticks,
    /// The version of the record that its manager knew when it was sent.
    pub(crate) version: Version,
}

/// A re-arm in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rearm {
    /// How long the lease would be valid if it counted from the sending.
    pub(crate) left: Ticks,
    /// Whether only a quarantined node may carry it out, because no quorum of others confirmed.
    pub(crate) in_quarantine: bool,
}

impl Link {
    /// Forgets the lease, but not the record.
    pub(crate) fn drop_lease(&mut self) {
        self.acquire = None;
        self.rearm = None;
        self.hold = 0;
    }

    /// Loses what is in flight over a connection that ends.
    pub(crate) fn disconnect(&mut self) {
        self.write = None;
        self.acquire = None;
        self.rearm = None;
    }

    pub(crate) fn tick(&mut self) {
        if let Some(record) = self.sight.as_mut().and_then(|it| it.record.as_mut()) {
            record.tick();
        }
        if let Some(write) = &mut self.write {
            write.tick();
        }
        self.acquire = self.acquire.and_then(|it| {
            let left = it.left - 1;
            (left > 0).then_some(Acquire { left, ..it })
        });
        if let Some(rearm) = &mut self.rearm {
            rearm.left = rearm.left.saturating_sub(1);
        }
        self.hold = self.hold.saturating_sub(1);
    }
}

impl Sight {
    pub(crate) fn version(&self) -> Option<Version> {
        self.record.map(|record| record.version)
    }
}
