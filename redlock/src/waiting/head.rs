//! The head of a local queue, as the requests behind it see it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::error::LockError;
use crate::time::clock::Moment;

/// What the head of a queue knows about its lock.
#[derive(Clone, Debug)]
pub(crate) enum HeadStatus {
    /// It does not hold the lock. The moment and the error of its last round, if it has had one. Shared,
    /// because most heads have not.
    Waiting(Option<Arc<(Moment, LockError)>>),
    /// It holds the lock.
    Held(Weak<dyn Holder>),
}

/// A holder, as the requests behind it see it.
pub(crate) trait Holder: std::fmt::Debug + Send + Sync {
    /// The number of nodes that hold the lock for it, and the time left.
    fn hold(&self) -> (u16, Duration);

    /// Ends the lease if it is over by the clock. Its own runtime may not be driven. Returns whether it
    /// has ended.
    fn end_if_over(&self) -> bool;
}
