//! The machine and the versions behind the figures.

use std::fs;
use std::thread::available_parallelism;

/// Returns the number of cores.
#[must_use]
pub fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Returns the load averages of the last 1, 5 and 15 minutes, where the system reports them (Linux).
#[must_use]
pub fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").ok();
    let averages = load.and_then(|load| {
        let mut fields = load.split(' ');
        let [one, five, fifteen] = [fields.next()?, fields.next()?, fields.next()?];
        Some(format!("{one}, {five}, {fifteen}"))
    });
    averages.unwrap_or_else(|| "unknown".to_owned())
}

/// Returns the name and version of each library that the figures depend on.
#[must_use]
pub fn libraries() -> String {
    let versions = LIBRARIES.map(|name| {
        let mut lines = LOCK_FILE.lines();
        let name_line = format!("name = {name:?}");
        lines.find(|line| *line == name_line);
        let version = lines.next().and_then(|line| line.split('"').nth(1));
        format!("{name} {}", version.unwrap_or("?"))
    });
    versions.join(", ")
}

const LIBRARIES: [&str; 4] = ["rslock", "redis", "tokio", "redlock"];

/// Names every library with its version, on two lines.
const LOCK_FILE: &str = include_str!("../../Cargo.lock");
