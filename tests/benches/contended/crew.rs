//! Worker processes that contend together.

use std::time::Duration;

use redlock_tests::{Proxy, Server};

use crate::contest::Contest;
use crate::library::Library;
use crate::round::Round;
use crate::venue::Venue;

/// A group of equal processes that contend for one resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew {
    pub(crate) library: Library,
    pub(crate) processes: usize,
    /// The number of managers in each process.
    pub(crate) managers: u32,
    /// The number of contenders of each manager.
    pub(crate) tasks: u32,
    pub(crate) hold: Duration,
    /// The time before the run in which another holder keeps the lock. Waiting in it does not
    /// count.
    pub(crate) lead: Duration,
    pub(crate) run: Duration,
}

impl Crew {
    /// Creates a crew of managers with one contender each, in at most ten processes.
    pub(crate) fn of_managers(managers: u32, hold: Duration, run: Duration) -> Self {
        let mut numbers = (1..=MOST_PROCESSES).rev();
        let processes = numbers.find(|number| managers.is_multiple_of(*number));
        let processes = processes.expect("a divisor");
        Self {
            library: Library::Redlock,
            processes: processes.try_into().expect("a count"),
            managers: managers / processes,
            tasks: 1,
            hold,
            lead: Duration::ZERO,
            run,
        }
    }

    /// Creates a crew of processes with one manager and one contender each.
    pub(crate) fn of_processes(processes: usize, hold: Duration, run: Duration) -> Self {
        let one = Self::of_managers(1, hold, run);
        Self { processes, ..one }
    }

    /// Runs the contention on a new resource.
    pub(crate) async fn compete(self, servers: &[Server]) -> Round {
        self.compete_at(&Venue::of(servers)).await
    }

    /// Runs the contention on a new resource, over proxies to the servers.
    pub(crate) async fn compete_over(self, proxies: &[Proxy], servers: &[Server]) -> Round {
        self.compete_at(&Venue::over(proxies, servers)).await
    }

    async fn compete_at(self, venue: &Venue<'_>) -> Round {
        let mut contest = Contest::gather(&[self], venue).await;
        contest.start();
        contest.finish().await
    }
}

/// Few processes on one machine, but few enough managers in each to stay below 1024 open files.
const MOST_PROCESSES: u32 = 10;
