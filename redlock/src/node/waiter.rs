//! The waiters for a key, and the commands by which they wait.

use std::time::Duration;

use crate::node::keys::Keys;
use crate::node::responder::Responder;
use crate::node::watch::Watch;

/// A contender that goes on waiting if it is refused.
///
/// A node that refuses it adds it to the waiting list of the key that is in the way. The node's
/// hint goes to the [watch](Watch::hint).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Waiter {
    /// The watch to hint. All rounds of one contender use the same.
    pub watch: Watch,
    /// The time since the contender began to wait. The list is ordered by it.
    pub waited: Duration,
}

impl Waiter {
    /// Returns the same waiter for the node at position `node`.
    pub(crate) fn at_node(&self, node: usize) -> Self {
        Self {
            watch: self.watch.at_node(node),
            waited: self.waited,
        }
    }

    /// Creates a waiter that has waited for this long.
    #[must_use]
    pub fn new(watch: Watch, waited: Duration) -> Self {
        Self { watch, waited }
    }
}

/// Removes a waiter from the waiting lists of its keys, and passes its hint on.
///
/// A node without waiting lists may ignore it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Leave {
    /// The keys that it waited for.
    pub keys: Keys,
    /// The watch of the waiter.
    pub watch: Watch,
}

impl Leave {
    /// Removes the waiter with this watch from the lists of `keys`.
    #[must_use]
    pub fn new(keys: Keys, watch: Watch) -> Self {
        Self { keys, watch }
    }
}

/// Reads whether keys are free, and the time that they have left.
#[derive(Debug)]
#[non_exhaustive]
pub struct Look {
    /// The keys.
    pub keys: Keys,
    /// The watch to notify once when one of the keys changes after this look.
    ///
    /// A node that cannot push notifications may ignore it.
    pub watch: Option<Watch>,
    /// Receives what the node sees.
    pub responder: Responder<Sight>,
}

impl Look {
    /// Reads `keys`.
    #[must_use]
    pub fn new(keys: Keys, responder: Responder<Sight>) -> Self {
        Self {
            keys,
            watch: None,
            responder,
        }
    }

    /// Sets the watch to notify once when one of the keys changes after this look.
    #[must_use]
    pub fn watch(mut self, watch: impl Into<Option<Watch>>) -> Self {
        self.watch = watch.into();
        self
    }
}

/// A node's response to [`Look`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a key exists or it does not")]
pub enum Sight {
    /// No key exists.
    Free,
    /// A key exists.
    Held {
        /// The time until the last of the keys expires, or `None` if one never does.
        remaining: Option<Duration>,
    },
}
