use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What this process has used. Servers are processes of their own.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time of all threads, in the kernel too.
    pub cpu: Duration,
    /// Bytes of resident memory, where the system tells (Linux).
    pub memory: Option<u64>,
}

impl Usage {
    /// Takes the measure now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            cpu: cpu(),
            memory: memory(),
        }
    }
}

/// The processor time of this process so far.
pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a time that is not negative")
}

fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
