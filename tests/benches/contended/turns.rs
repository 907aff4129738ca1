//! The turns of one contender.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The record of one contender.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    /// The wait before each turn.
    pub(crate) waits: Vec<Duration>,
    /// The wait that was cut short by the end of the run.
    pub(crate) pending: Duration,
    /// The total time that it held the lock.
    pub(crate) held: Duration,
    /// The number of turns that followed another contender's turn.
    pub(crate) changes: u64,
    /// The number of turns that overlapped another contender's turn.
    pub(crate) overlaps: u64,
}

impl Turns {
    pub(crate) fn longest(&self) -> Duration {
        let waits = self.waits.iter().copied();
        waits.fold(self.pending, Duration::max)
    }
}

/// Formats one line, which [`FromStr`] parses.
impl fmt::Display for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (held, pending) = (self.held.as_micros(), self.pending.as_micros());
        write!(f, "{} {} {held} {pending}", self.overlaps, self.changes)?;
        for wait in &self.waits {
            write!(f, " {}", wait.as_micros())?;
        }
        Ok(())
    }
}

impl FromStr for Turns {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([overlaps, changes, held, pending, waits @ ..]) => Ok(Self {
                waits: waits.iter().copied().map(Duration::from_micros).collect(),
                pending: Duration::from_micros(*pending),
                held: Duration::from_micros(*held),
                changes: *changes,
                overlaps: *overlaps,
            }),
            _ => Err(format!("expected the turns of a contender: {line}")),
        }
    }
}
