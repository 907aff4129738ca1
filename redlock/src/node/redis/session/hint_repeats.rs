//! Hints that are repeated, because the waiter that was hinted may hang.
//!
//! A waiter that hangs looks alive to the server. The session whose release has hinted it therefore
//! looks again once the key is no longer kept for it:
//!
//! ```text
//!  0 ms    release        hints waiter 1, which hangs. The key is kept for it for 10 ms
//! 12 ms    hint           the key is free and no longer kept: hints waiter 2
//! 24 ms    hint           the key is held, so nothing is left to do
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::node::Keys;
use crate::node::redis::protocol::request::Request;
use crate::time::clock::Moment;

/// The keys whose hints are to be repeated, in the order in which they are due.
#[derive(Debug, Default)]
pub(crate) struct HintRepeats(VecDeque<(Moment, Arc<[u8]>)>);

impl HintRepeats {
    /// Adds keys for which a waiter was hinted. A key that is listed already stays where
    /// it is: an earlier repeat adds it again if there is a reason.
    pub(crate) fn add(&mut self, keys: &Keys) {
        let now = Moment::now();
        let due = now.checked_add(DELAY).unwrap_or(now);
        for key in keys {
            if self.0.len() < MAX_KEYS && !self.0.iter().any(|(_, other)| other == key) {
                self.0.push_back((due, Arc::clone(key)));
            }
        }
    }

    /// Returns when the next repeat is due.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.0.front().map(|(due, _)| *due)
    }

    /// Removes and returns the next repeat, if it is due.
    pub(crate) fn pop_due(&mut self) -> Option<Request> {
        if self.next()? > Moment::now() {
            return None;
        }
        let (_, key) = self.0.pop_front()?;
        Some(Request::hint(key.into()))
    }
}

/// The time after which a hint is repeated: a little longer than the key is kept for the waiter.
const DELAY: Duration = Duration::from_millis(12);

/// The largest number of keys whose hints are repeated. Waiters for others poll.
const MAX_KEYS: usize = 256;
