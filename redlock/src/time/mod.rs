//! The clock, the arithmetic of leases, deadlines of waits, and random delays.

pub(crate) mod clock;
pub(crate) mod deadlines;
pub(crate) mod jitter;
mod suspend;
pub(crate) mod validity;
