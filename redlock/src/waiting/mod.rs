//! The order of waiting requests: a local queue, and the waiting lists of the nodes.
//!
//! All of it is advisory. Only the nodes enforce exclusion.

mod check_times;
pub(crate) mod head;
mod key_queue;
pub(crate) mod queue;
pub(crate) mod signals;
pub(crate) mod streak;
pub(crate) mod wakeup;
