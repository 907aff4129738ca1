//! The load of the servers during a time.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock_tests::{Probe, Server};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::load::{Load, number};
use crate::round::{count, whole};

/// The load of the servers during a time, and the busiest moment in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    load: Load,
    pub(crate) time: Duration,
    nodes: usize,
    /// The largest number of commands that a node executed in one [`STEP`].
    pub(crate) busiest: u64,
}

impl Window {
    /// Measures the load from now on for `time`.
    pub(crate) async fn measure(servers: &[Server], time: Duration) -> Self {
        let probes: Vec<Probe> = servers.iter().map(Server::probe).collect();
        let (before, start) = (Load::of(servers), Instant::now());
        let mut last: Vec<u64> = probes.iter().map(commands).collect();
        let mut busiest = 0;
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once.
        steps.tick().await;
        while start.elapsed() < time {
            steps.tick().await;
            for (probe, last) in probes.iter().zip(&mut last) {
                let now = commands(probe);
                // One of them is this reading.
                busiest = busiest.max(now - *last - 1);
                *last = now;
            }
        }
        Self {
            load: Load::of(servers) - before,
            time: start.elapsed(),
            nodes: servers.len(),
            busiest,
        }
    }

    /// Returns a part of the load per second and node, beyond that of another window.
    ///
    /// The difference excludes the readings, which are as frequent in both.
    pub(crate) fn beyond(&self, other: &Self, part: fn(&Load) -> u64) -> f64 {
        self.each(whole(part(&self.load))) - other.each(whole(part(&other.load)))
    }

    /// Returns the share of a core that each node used, beyond that of another window.
    pub(crate) fn cpu_beyond(&self, other: &Self) -> f64 {
        self.each(self.load.cpu.as_secs_f64()) - other.each(other.load.cpu.as_secs_f64())
    }

    fn each(&self, total: f64) -> f64 {
        total / self.time.as_secs_f64() / count(self.nodes)
    }
}

fn commands(probe: &Probe) -> u64 {
    let info: String = probe.query(cmd("INFO").arg("stats"));
    number(&info, "total_commands_processed:")
}

/// Short enough to show a burst. A reading costs a server some ten microseconds.
pub(crate) const STEP: Duration = Duration::from_millis(100);
