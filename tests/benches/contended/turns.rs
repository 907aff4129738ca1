use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What one contender did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    /// How long it waited for each turn.
    pub(crate) waits: Vec<Duration>,
    /// How long it had been waiting when the run ended.
    pub(crate) pending: Duration,
    /// How long it held the lock, all in all.
    pub(crate) held: Duration,
    /// How often it got the lock from somebody else.
    pub(crate) changes: u64,
    /// How often it held the lock while somebody else did.
    pub(crate) overlaps: u64,
}

impl Turns {
    pub(crate) fn longest(&self) -> Duration {
        let waits = self.waits.iter().copied();
        waits.fold(self.pending, Duration::max)
    }
}

/// As one line, which [`FromStr`] reads.
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
            _ => Err(format!("no turns: {line}")),
        }
    }
}
