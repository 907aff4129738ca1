//! The memory of a manager between two sights: its deployment, and quarantines by its own clock.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::deployment::quarantine::Quarantine;
use crate::engine::deployment::standing::Cause;
use crate::engine::deployment::view::Sighting;
use crate::time::clock::Moment;
use crate::time::validity;

/// What a manager remembers between two sights of its nodes.
#[derive(Debug)]
pub(super) struct Memory {
    /// The id of the deployment, once a quorum of nodes had it.
    pub(super) id: Option<Arc<str>>,
    /// The longest ttl that any manager of the deployment may use.
    pub(super) max_ttl: Duration,
    pub(super) nodes: Box<[NodeMemory]>,
    pub(super) forming: FormingMemory,
    /// Whether this manager has used a node of the deployment.
    pub(super) is_in_use: bool,
    /// The end of the quarantine of all nodes, after the deployment was formed anew.
    pub(super) replaced_until: Option<Moment>,
}

/// What a manager remembers of one node.
#[derive(Debug, Default)]
pub(super) struct NodeMemory {
    pub(super) run_id: Option<Arc<str>>,
    /// The processes that were seen before that one.
    former: Vec<Arc<str>>,
    /// The earliest end of the quarantine of a process that was seen again after another one, by the
    /// clock of its node.
    pub(super) returned_until: Option<u64>,
    /// Whether this manager has replaced the record of another deployment, or of another size.
    pub(super) resize: Resize,
    pub(super) quarantine: Option<Quarantine>,
    /// Since when the node has had no record, and the version of what was read.
    pub(super) blank_since: Option<(Moment, u64)>,
    /// Since when the node has not been identified.
    pub(super) pending_since: Option<Moment>,
    /// Since when the node has been forming, beside nodes that are complete.
    pub(super) unfinished_since: Option<Moment>,
    /// The process that was last seen, where its record or its run id cannot be read.
    unverified: Option<Process>,
}

/// The replacement of a record of another deployment, or of another size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Resize {
    #[default]
    Never,
    Begun,
    /// Once only: two managers with different nodes would replace each other's records for ever.
    Done,
}

/// The forming of a deployment by this manager.
#[derive(Debug, Default)]
pub(super) struct FormingMemory {
    /// Since when all nodes have been seen without a deployment.
    pub(super) since: Option<Moment>,
    /// Until when the deployment may be formed although a node has not been seen: the others have
    /// been blank for long enough.
    pub(super) without_others_until: Option<Moment>,
    /// The id that this manager proposes.
    pub(super) drawn: Option<Arc<str>>,
    pub(super) agreed: Option<Agreed>,
}

/// An id that all nodes were seen to have.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) id: Arc<str>,
    /// The number of readings up to then.
    pub(super) readings: u64,
    /// What each node had.
    pub(super) records: Vec<AgreedRecord>,
    /// Whether a later reading found the same records. There was then a moment at which no node was
    /// complete, and no lock can have been granted before it.
    pub(super) is_verified: bool,
}

/// What a node had: the text of its record, and the process that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgreedRecord {
    node: usize,
    text: Arc<str>,
    run_id: Option<Arc<str>>,
}

impl AgreedRecord {
    /// Returns what was read from a node, if it has a record.
    pub(super) fn of(node: usize, sighting: &Sighting) -> Option<Self> {
        Some(Self {
            node,
            text: Arc::clone(sighting.text()?),
            run_id: sighting.identified.run_id.clone(),
        })
    }
}

impl FormingMemory {
    /// Whether a node has had the same record, in the same process, since a moment at which no node
    /// was complete.
    pub(super) fn is_verified(&self, node: usize, sighting: &Sighting) -> bool {
        let agreed = self.agreed.as_ref().filter(|agreed| agreed.is_verified);
        agreed
            .zip(AgreedRecord::of(node, sighting))
            .is_some_and(|(agreed, record)| agreed.records.contains(&record))
    }
}

/// A process that cannot be verified: by its run id, or else by its connection.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    run_id: Option<Arc<str>>,
    connection: u64,
}

impl Memory {
    pub(super) fn new(nodes: usize, id: Option<Arc<str>>, max_ttl: Duration) -> Self {
        Self {
            id,
            max_ttl,
            nodes: (0..nodes).map(|_| NodeMemory::default()).collect(),
            forming: FormingMemory::default(),
            is_in_use: false,
            replaced_until: None,
        }
    }
}

impl NodeMemory {
    /// Remembers the process that was seen. `until`: the end of a quarantine that begins now.
    ///
    /// A process that returns after another one did not restart: the address has led to another
    /// server meanwhile, which granted locks that this one does not know.
    pub(super) fn saw(&mut self, run_id: Option<&Arc<str>>, until: u64) {
        // Without the right to INFO, the process is unknown for a while.
        let Some(run_id) = run_id.filter(|run_id| self.run_id.as_ref() != Some(*run_id)) else {
            return;
        };
        let is_back = self.former.contains(run_id);
        self.returned_until = is_back.then_some(until);
        self.former.retain(|former| former != run_id);
        if let Some(former) = self.run_id.replace(Arc::clone(run_id)) {
            if self.former.len() == MAX_FORMER {
                self.former.remove(0);
            }
            self.former.push(former);
        }
    }

    /// Returns the end of a quarantine that lasts until `until` on the node's clock, which shows
    /// `time`, in milliseconds.
    ///
    /// A later reading can only lengthen it, and never beyond a longest ttl after the first: neither
    /// a step of the node's clock nor another manager makes it endless.
    pub(super) fn quarantine(
        &mut self,
        until: u64,
        time: u64,
        longest: Duration,
        now: Moment,
    ) -> Moment {
        let after = |duration: Duration| now.saturating_add(duration);
        let left = Duration::from_millis(until.saturating_sub(time));
        let known = self.quarantine.filter(|known| known.until == until);
        let limit = known.map_or_else(|| after(longest), |known| known.limit);
        let ends = after(left).min(limit);
        let ends = known.map_or(ends, |known| known.ends.max(ends));
        let cause = known.map_or(Cause::Reported, |known| known.cause);
        let began = known.map_or(now, |known| known.began);
        self.quarantine = Some(Quarantine {
            until,
            cause,
            began,
            ends,
            limit,
        });
        ends
    }

    /// Moves the end of the quarantine that lasts until `from` on the node's clock to `to`. Returns
    /// `false` if there is no such quarantine.
    pub(super) fn lengthen(&mut self, from: u64, to: u64) -> bool {
        let quarantine = self.quarantine.as_mut();
        quarantine.is_some_and(|quarantine| quarantine.lengthen(from, to))
    }

    /// Returns the end of the quarantine of a node that cannot be verified: a longest ttl after each
    /// new process. At first sight, the time for which the process is known to run counts.
    pub(super) fn unverified_quarantine(
        &mut self,
        sighting: &Sighting,
        longest: Duration,
    ) -> Moment {
        let now = sighting.at;
        let process = Process::of(sighting);
        if self.unverified.as_ref() != Some(&process) {
            let is_first = self.unverified.is_none();
            let uptime = sighting.identified.uptime.filter(|_| is_first);
            let left = longest.saturating_sub(uptime.unwrap_or_default());
            let ends = now.saturating_add(left);
            self.unverified = Some(process);
            self.quarantine = Some(Quarantine {
                until: 0,
                cause: Cause::Unverified,
                began: now,
                ends,
                limit: ends,
            });
        }
        self.quarantine.map_or(now, |quarantine| quarantine.ends)
    }
}

impl NodeMemory {
    /// Begins the quarantine of a node that has lost its data and cannot be verified.
    pub(super) fn lose_unverified(&mut self, sighting: &Sighting, longest: Duration) {
        self.unverified = Some(Process::of(sighting));
        let ends = sighting.at.saturating_add(longest);
        self.quarantine = Some(Quarantine {
            until: 0,
            cause: Cause::Unverified,
            began: sighting.at,
            ends,
            limit: ends,
        });
    }
}

impl Process {
    fn of(sighting: &Sighting) -> Self {
        let run_id = sighting.identified.run_id.clone();
        let connection = if run_id.is_some() {
            0
        } else {
            sighting.connection
        };
        Self { run_id, connection }
    }
}

/// The number of processes that are remembered of one node. Servers that take turns are few.
const MAX_FORMER: usize = 8;

/// The length of a quarantine: the longest ttl, by a clock that may be fast.
pub(super) fn quarantine_length(max_ttl: Duration, drift_factor: f64) -> Duration {
    max_ttl.saturating_add(validity::drift(max_ttl, drift_factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(60);

    fn after(start: Moment, seconds: u64) -> Moment {
        start.checked_add(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn a_quarantine_lasts_for_what_the_node_reports() {
        let (mut node, now) = (NodeMemory::default(), Moment::now());
        assert_eq!(
            node.quarantine(50_000, 20_000, LONGEST, now),
            after(now, 30)
        );
        assert_eq!(
            node.quarantine(50_000, 60_000, LONGEST, now),
            after(now, 30)
        );
    }

    #[test]
    fn a_clock_step_does_not_make_a_quarantine_endless() {
        let (mut node, now) = (NodeMemory::default(), Moment::now());
        assert_eq!(node.quarantine(50_000, 0, LONGEST, now), after(now, 50));
        // The node's clock was set back. Ten seconds later, it shows the same time as before.
        let later = after(now, 10);
        assert_eq!(node.quarantine(50_000, 0, LONGEST, later), after(now, 60));
        let late = after(now, 59);
        assert_eq!(node.quarantine(50_000, 0, LONGEST, late), after(now, 60));
    }

    #[test]
    fn a_process_that_returns_after_another_is_noticed() {
        let (mut node, [a, b]) = (NodeMemory::default(), ["a", "b"].map(Arc::from));
        for (run_id, until, expected) in [
            (Some(&a), 1, None),
            (Some(&a), 2, None),
            (Some(&b), 3, None),
            (Some(&a), 4, Some(4)),
            (Some(&a), 5, Some(4)),
            (None, 6, Some(4)),
            (Some(&b), 7, Some(7)),
        ] {
            node.saw(run_id, until);
            assert_eq!(node.returned_until, expected);
        }
    }

    #[test]
    fn another_loss_begins_another_quarantine() {
        let (mut node, now) = (NodeMemory::default(), Moment::now());
        node.quarantine(50_000, 0, LONGEST, now);
        let later = after(now, 49);
        assert_eq!(
            node.quarantine(99_000, 49_000, LONGEST, later),
            after(later, 50)
        );
    }

    #[test]
    fn a_quarantine_that_is_lengthened_is_the_same_one() {
        let (mut node, now) = (NodeMemory::default(), Moment::now());
        assert!(!node.lengthen(50_000, 80_000), "there is none");
        node.quarantine(50_000, 0, LONGEST, now);
        assert!(node.lengthen(50_000, 80_000));
        assert!(!node.lengthen(50_000, 80_000), "it was lengthened before");
        let later = after(now, 10);
        assert_eq!(
            node.quarantine(80_000, 10_000, LONGEST, later),
            after(now, 80)
        );
        assert_eq!(node.quarantine.unwrap().began, now);
    }
}
