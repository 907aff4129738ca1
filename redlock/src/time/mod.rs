//! The clock, the arithmetic of leases, and random delays.

pub(crate) mod clock;
pub(crate) mod jitter;
pub(crate) mod validity;
