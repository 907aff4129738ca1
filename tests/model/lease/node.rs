//! A node: a process with a record and a lock key.

use super::link::{Link, Sight};
use super::record::{Record, Run, Ticks, Version, Write};
use super::state::MANAGERS;

/// A node, with the links of all managers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node {
    pub(crate) run: Run,
    /// Whether this process loses nothing in a crash.
    pub(crate) durable: bool,
    pub(crate) record: Option<Record>,
    /// The record before the last write, which a lost tail brings back.
    pub(crate) former: Option<Record>,
    pub(crate) lock: Option<Lock>,
    pub(crate) links: [Link; MANAGERS],
}

/// A lock key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lock {
    /// The manager that holds the lease.
    pub(crate) owner: usize,
    /// The time until it expires.
    pub(crate) left: Ticks,
    /// The time until it would expire after the loss of what no durable process wrote.
    pub(crate) kept: Ticks,
}

/// What a process loses when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Nothing,
    /// The lock, or its last extension.
    Tail,
    /// The same, and the last write of the record.
    TailAndRecord,
    Everything,
}

impl Node {
    pub(crate) fn version(&self) -> Option<Version> {
        self.record.map(|record| record.version)
    }

    /// What a manager reads from it.
    pub(crate) fn sight(&self) -> Sight {
        Sight {
            run: self.run,
            durable: self.durable,
            record: self.record,
        }
    }

    /// Whether acquires are kept away from it at present.
    pub(crate) fn is_quarantined(&self) -> bool {
        let is_ahead = |it: Record| it.is_complete() && it.run == self.run && it.quarantine > 0;
        self.record.is_some_and(is_ahead)
    }

    /// Whether a manager knows that the record is about this process.
    pub(crate) fn is_settled(&self, manager: usize) -> bool {
        let is_own = |record: Record| record.is_complete() && record.run == self.run;
        let sight = self.links[manager].sight;
        sight.is_some_and(|it| it.run == self.run && it.record.is_some_and(is_own))
    }

    pub(crate) fn is_owned_by(&self, manager: usize) -> bool {
        self.lock.is_some_and(|lock| lock.owner == manager)
    }

    /// Carries out a record write: a compare-and-set over the version that its manager read.
    pub(crate) fn store(&mut self, write: Write, keeps_former: bool) {
        if self.version() != write.over {
            return;
        }
        if keeps_former {
            self.former = self.record;
        }
        let version = self.latest() + 1;
        self.record = Some(Record {
            version,
            ..write.record
        });
    }

    /// Loses all data while the process and its connections live on.
    pub(crate) fn flush(&mut self) {
        self.record = None;
        self.former = None;
        self.lock = None;
    }

    /// Replaces the process by another one, at the cost of its connections and of some data.
    pub(crate) fn restart(&mut self, loss: Loss, durable: bool) {
        self.run += 1;
        self.durable = durable;
        match loss {
            Loss::Nothing => {}
            Loss::Tail => self.lose_tail(),
            Loss::TailAndRecord => {
                self.lose_tail();
                self.record = self.former;
            }
            Loss::Everything => self.flush(),
        }
        for link in &mut self.links {
            link.disconnect();
        }
    }

    /// Sets the lock, or extends it.
    pub(crate) fn set(&mut self, owner: usize, ttl: Ticks) {
        let kept = self.lock.map_or(0, |lock| lock.kept);
        let kept = if self.durable { ttl } else { kept };
        let left = ttl;
        self.lock = Some(Lock { owner, left, kept });
    }

    fn lose_tail(&mut self) {
        let kept = self.lock.filter(|lock| lock.kept > 0);
        self.lock = kept.map(|lock| Lock {
            left: lock.kept,
            ..lock
        });
    }

    pub(crate) fn tick(&mut self) {
        for record in [&mut self.record, &mut self.former].into_iter().flatten() {
            record.tick();
        }
        self.lock = self.lock.and_then(|lock| {
            let left = lock.left - 1;
            let kept = lock.kept.saturating_sub(1);
            (left > 0).then_some(Lock { left, kept, ..lock })
        });
        for link in &mut self.links {
            link.tick();
        }
    }

    /// Numbers the versions anew, in their order, so that equal states merge.
    pub(crate) fn renumber(&mut self) {
        let mut known = [false; 32];
        self.versions(|version| known[usize::from(*version)] = true);
        let mut next = 0;
        let names = known.map(|is_known| {
            next += Version::from(is_known);
            next
        });
        self.versions(|version| *version = names[usize::from(*version)]);
    }

    /// The largest version that anyone knows.
    fn latest(&mut self) -> Version {
        let mut latest = 0;
        self.versions(|version| latest = latest.max(*version));
        latest
    }

    /// Visits every version of a record of this node.
    fn versions(&mut self, mut visit: impl FnMut(&mut Version)) {
        let own = [&mut self.record, &mut self.former].into_iter().flatten();
        own.for_each(|record| visit(&mut record.version));
        for link in &mut self.links {
            if let Some(record) = link.sight.as_mut().and_then(|it| it.record.as_mut()) {
                visit(&mut record.version);
            }
            if let Some(over) = link.write.as_mut().and_then(|it| it.over.as_mut()) {
                visit(over);
            }
            if let Some(acquire) = &mut link.acquire {
                visit(&mut acquire.version);
            }
        }
    }
}
