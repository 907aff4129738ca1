use std::fs::read_to_string;

/// How much memory this process has in use, in kilobytes; 0 where the system does not tell.
pub(crate) fn resident() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.map_or(0, |number| number.parse().unwrap_or_default())
}
