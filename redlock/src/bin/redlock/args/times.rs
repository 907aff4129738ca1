//! Times on the command line.

use std::time::Duration;

pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "write a number and a unit, as in 30s or 200ms")
}

pub(crate) fn milliseconds(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .map_err(|_| "write whole milliseconds without a unit, as in 30000 for 30s")
}
