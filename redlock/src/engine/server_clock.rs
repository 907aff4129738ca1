//! The time of day of the servers.

use crate::sync::Mutex;
use crate::time::clock::{Moment, TICK};

/// The time of day that the servers reported last.
#[derive(Debug, Default)]
pub(super) struct ServerClock(Mutex<Option<ServerTime>>);

#[derive(Clone, Copy, Debug)]
pub(super) struct ServerTime {
    read_at: Moment,
    /// The median, in microseconds.
    pub(super) median: u64,
    /// Whether a quorum has reported its time.
    pub(super) is_of_quorum: bool,
}

impl ServerClock {
    /// Returns the time of day at `now`, at most a second old. `None` is not remembered: a server may report
    /// its time at any moment.
    pub(super) fn time<I: Iterator<Item = u64>>(
        &self,
        now: Moment,
        read: impl FnOnce() -> I,
        quorum: usize,
    ) -> Option<ServerTime> {
        let known = *self.0.lock();
        if known.is_some_and(|time| now.saturating_since(time.read_at) < TICK) {
            return known;
        }
        let mut times: Vec<u64> = read().collect();
        times.sort_unstable();
        let time = times.get(times.len() / 2).map(|median| ServerTime {
            read_at: now,
            median: *median,
            is_of_quorum: times.len() >= quorum,
        });
        *self.0.lock() = time;
        time
    }
}
