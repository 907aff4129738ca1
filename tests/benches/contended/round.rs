//! One run of a crew, and its results.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::library::Library;
use crate::load::Load;
use crate::turns::Turns;

/// The results of one run of a crew.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) members: Vec<Member>,
    pub(crate) run: Duration,
    pub(crate) load: Load,
    pub(crate) nodes: usize,
}

/// The report of one process.
#[derive(Debug)]
pub(crate) struct Member {
    library: Library,
    pub(crate) turns: Vec<Turns>,
    /// Resident memory in kilobytes: soon after the start, in the middle, shortly before the end.
    pub(crate) memory: [u64; 3],
}

impl Member {
    /// Parses the lines that a worker prints.
    pub(crate) fn read(library: Library, lines: &[String]) -> Self {
        let (memory, turns) = lines.split_at(3);
        let turns = turns.iter().map(|line| line.parse().expect("turns"));
        let memory = [0, 1, 2].map(|at: usize| memory[at].parse().expect("a number"));
        Self {
            library,
            turns: turns.collect(),
            memory,
        }
    }

    fn acquisitions(&self) -> usize {
        self.turns.iter().map(|turns| turns.waits.len()).sum()
    }
}

impl Round {
    pub(crate) fn acquisitions(&self) -> usize {
        self.members.iter().map(Member::acquisitions).sum()
    }

    /// Returns the turns of the contenders of one library, relative to a fair share.
    pub(crate) fn share_of(&self, library: Library) -> f64 {
        let members = self.members.iter().filter(|it| it.library == library);
        let (turns, contenders) = members.fold((0, 0), |(turns, contenders), member| {
            let contenders = contenders + member.turns.len();
            (turns + member.acquisitions(), contenders)
        });
        let fair = count(self.acquisitions()) * count(contenders) / count(self.turns().count());
        count(turns) / fair.max(1.0)
    }

    /// Returns the turns per second.
    pub(crate) fn rate(&self) -> f64 {
        count(self.acquisitions()) / self.run.as_secs_f64()
    }

    /// Returns the handoffs per second: turns of a contender other than the previous one.
    pub(crate) fn handovers(&self) -> f64 {
        let changes = self.turns().map(|turns| turns.changes).sum();
        whole(changes) / self.run.as_secs_f64()
    }

    /// Returns the waits in microseconds, including those cut short by the end of the run.
    pub(crate) fn waits(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("three digits");
        let cut_short = self.turns().map(|turns| &turns.pending);
        let cut_short = cut_short.filter(|wait| !wait.is_zero());
        let completed = self.turns().flat_map(|turns| &turns.waits);
        for wait in completed.chain(cut_short) {
            let micros = u64::try_from(wait.as_micros()).expect("a wait");
            histogram.record(micros).expect("a histogram that grows");
        }
        histogram
    }

    /// Returns the longest wait, including those cut short by the end of the run.
    pub(crate) fn longest(&self) -> Duration {
        self.turns().map(Turns::longest).max().unwrap_or_default()
    }

    /// Returns the mean time that the lock was held per turn.
    pub(crate) fn held(&self) -> Duration {
        let held: Duration = self.turns().map(|turns| turns.held).sum();
        held.div_f64(count(self.acquisitions()).max(1.0))
    }

    /// Returns the turns per second that the hold alone allows.
    pub(crate) fn rate_of_holds(&self) -> f64 {
        1.0 / self.held().as_secs_f64()
    }

    /// Returns the turns of the least served contender, relative to a fair share.
    pub(crate) fn least_share(&self) -> f64 {
        let each: Vec<usize> = self.turns().map(|turns| turns.waits.len()).collect();
        let least = count(each.iter().copied().min().unwrap_or_default());
        least * count(each.len()) / count(self.acquisitions()).max(1.0)
    }

    /// Returns the number of contenders, and of those that never acquired the lock.
    pub(crate) fn contenders(&self) -> (usize, usize) {
        let unserved = self.turns().filter(|turns| turns.waits.is_empty()).count();
        (self.turns().count(), unserved)
    }

    pub(crate) fn overlaps(&self) -> u64 {
        self.turns().map(|turns| turns.overlaps).sum()
    }

    /// Returns a part of the load per acquisition and node.
    pub(crate) fn each(&self, load: u64) -> f64 {
        whole(load) / count(self.nodes) / count(self.acquisitions()).max(1.0)
    }

    /// Returns the memory of all processes, at the times given in [`Member`].
    pub(crate) fn memory(&self) -> [u64; 3] {
        [0, 1, 2].map(|at| self.members.iter().map(|member| member.memory[at]).sum())
    }

    fn turns(&self) -> impl Iterator<Item = &Turns> {
        self.members.iter().flat_map(|member| &member.turns)
    }
}

pub(crate) fn count(count: usize) -> f64 {
    whole(count.try_into().expect("a count"))
}

/// Converts exactly, because no number here comes near 2^53.
pub(crate) fn whole(number: u64) -> f64 {
    number as f64
}
