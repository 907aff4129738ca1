//! The resident memory of a process.

use std::fs::read_to_string;

/// Returns the resident memory of this process in kilobytes, or 0 if the system does not report it.
pub(crate) fn resident() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.map_or(0, |number| number.parse().unwrap_or_default())
}
