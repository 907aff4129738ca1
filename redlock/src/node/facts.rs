//! Facts about a server that matter for its locks: role, persistence, clock, deployment.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The role of a server. Only a master has a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeRole {
    /// A standalone master.
    Master,
    /// A replica of a master.
    Replica,
    /// A Sentinel, which stores no keys.
    Sentinel,
    /// A member of a Redis Cluster.
    ClusterMember,
}

/// What a server writes to disk, and so what it remembers after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Persistence {
    /// Nothing.
    None,
    /// Snapshots.
    Snapshots,
    /// No log of its writes. Whether there are snapshots is unknown: the user may not run `CONFIG GET`.
    NoLog,
    /// A log of its writes, with its `appendfsync`. `None`: the user may not run `CONFIG GET`.
    Log(Option<Fsync>),
}

/// When the log of a server reaches the disk: its `appendfsync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fsync {
    /// Before the response to each write.
    Always,
    /// Once a second.
    EverySecond,
    /// When the operating system chooses.
    Never,
}

/// The difference between the clock of a node and that of this process.
///
/// Locks do not depend on it: each clock only measures how much time has passed. A large difference
/// shows that one of the clocks is not kept right, and may jump when it is set. A jump ahead expires
/// locks early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    micros: i64,
    error: Duration,
}

/// The deployment that the [record](crate::guide::operations#the-identity-record) of a node names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeDeployment {
    /// The id, the same on all nodes of a deployment.
    pub id: Arc<str>,
    /// The number of nodes that the deployment has.
    pub nodes: usize,
    /// The largest `max_ttl` of any of its managers.
    pub max_ttl: Duration,
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Master => "master",
            Self::Replica => "replica",
            Self::Sentinel => "sentinel",
            Self::ClusterMember => "cluster",
        })
    }
}

impl fmt::Display for Persistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Snapshots => "rdb",
            Self::NoLog => "no aof",
            Self::Log(None) => "aof",
            Self::Log(Some(Fsync::Always)) => "aof always",
            Self::Log(Some(Fsync::EverySecond)) => "aof everysec",
            Self::Log(Some(Fsync::Never)) => "aof no",
        })
    }
}

impl ClockOffset {
    /// Creates an offset of `micros` microseconds, which is off by `error` at most. It is positive if the
    /// node's clock is ahead.
    #[must_use]
    pub fn new(micros: i64, error: Duration) -> Self {
        Self { micros, error }
    }

    /// Compares the node's time of day, in microseconds, with the clock of this process. The node read
    /// its clock at some moment of the `round_trip` that ended when this clock showed `received`.
    pub(crate) fn measure(time: u64, received: SystemTime, round_trip: Duration) -> Option<Self> {
        let received = received.duration_since(UNIX_EPOCH).ok()?;
        let error = round_trip / 2;
        let middle = received.checked_sub(error)?.as_micros();
        let micros = i128::from(time) - i128::try_from(middle).ok()?;
        Some(Self::new(i64::try_from(micros).ok()?, error))
    }

    /// The offset in microseconds. Positive if the node's clock is ahead.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.micros
    }

    /// The error bound: half of the round trip in which the node read its clock.
    #[must_use]
    pub fn error(self) -> Duration {
        self.error
    }

    /// Whether the clocks are certainly farther apart than `limit`.
    #[must_use]
    pub fn exceeds(self, limit: Duration) -> bool {
        self.magnitude() > limit.saturating_add(self.error)
    }

    fn magnitude(self) -> Duration {
        Duration::from_micros(self.micros.unsigned_abs())
    }
}

impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.micros < 0 { '-' } else { '+' };
        let text = format!("{sign}{:.1?} ±{:.1?}", self.magnitude(), self.error);
        f.pad(&text)
    }
}

impl NodeDeployment {
    /// Creates the description of a deployment.
    #[must_use]
    pub fn new(id: Arc<str>, nodes: usize, max_ttl: Duration) -> Self {
        Self { id, nodes, max_ttl }
    }
}

/// The difference of two clocks from which on one of them is not kept right. Daemons that keep clocks
/// right step those that are off by less.
pub(crate) const CLOCK_LIMIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_offset_has_a_sign_and_an_error_bound() {
        let behind = ClockOffset::new(-1_500_000, millis(2));
        assert_eq!(behind.to_string(), "-1.5s ±2.0ms");
        assert!(behind.exceeds(millis(1_497)) && !behind.exceeds(millis(1_498)));
        let ahead = ClockOffset::new(250, Duration::from_micros(40));
        assert_eq!(ahead.to_string(), "+250.0µs ±40.0µs");
        assert!(!ahead.exceeds(millis(1)));
    }

    #[test]
    fn the_node_read_its_clock_in_the_middle_of_the_round_trip() {
        let received = UNIX_EPOCH + millis(100_000);
        let offset = ClockOffset::measure(160_000_000, received, millis(200)).unwrap();
        assert_eq!(offset, ClockOffset::new(60_100_000, millis(100)));
        let before = ClockOffset::measure(1, UNIX_EPOCH, millis(200));
        assert_eq!(before, None);
    }

    #[test]
    fn persistence_is_named_as_servers_do() {
        let named = [
            (Persistence::None, "none"),
            (Persistence::Log(Some(Fsync::Always)), "aof always"),
            (Persistence::Log(None), "aof"),
            (Persistence::NoLog, "no aof"),
        ];
        for (persistence, name) in named {
            assert_eq!(persistence.to_string(), name);
        }
    }
}
