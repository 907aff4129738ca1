//! The order of waiting requests: a local queue, wake-ups, fairness.
//!
//! All of it is advisory. Only the nodes enforce exclusion.

pub(crate) mod fairness;
pub(crate) mod queue;
pub(crate) mod wakeup;
