//! Clocks, spans of time and what is drawn at random from them.

pub(crate) mod clock;
pub(crate) mod jitter;
pub(crate) mod validity;
