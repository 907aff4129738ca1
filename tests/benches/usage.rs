//! CPU time and memory of this process.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Resources used by this process. Servers are separate processes and not included.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// CPU time of all threads, including time in the kernel.
    pub cpu: Duration,
    /// Resident memory in bytes, where the system reports it (Linux).
    pub memory: Option<u64>,
}

impl Usage {
    /// Returns the current usage.
    #[must_use]
    pub fn now() -> Self {
        Self {
            cpu: cpu(),
            memory: memory(),
        }
    }
}

/// Returns the CPU time of this process so far.
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
