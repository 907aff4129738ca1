//! Who goes next among those that wait.

pub(crate) mod fairness;
pub(crate) mod queue;
pub(crate) mod wakeup;
