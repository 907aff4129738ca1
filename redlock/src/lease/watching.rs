//! Notifications that a node may no longer have the keys of a held lease.
//!
//! An extension registers with the node, which then reports the next change of each key. The
//! extensions are changes too:
//!
//! ```text
//! lease                     node
//! extend, register 1  ───▶  expiry postponed ─── then 1 is registered
//!          confirmed  ◀───
//! extend, register 2  ───▶  expiry postponed ─── reports 1, then 2 is registered
//!           reports 1 ◀───                       in flight: most likely our own change
//!          confirmed  ◀───
//!           reports 2 ◀───  key deleted ──────── reports 2
//! extend              ───▶                       registers nothing
//!           not held  ◀───
//! ```
//!
//! Only regular extensions register. The one that follows a report does not, so it cannot cause
//! another: reports at most double the extensions, whatever the reason for them.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::node::{Extension, NodeResult, Watcher};
use crate::quorum::per_node::Selection;
use crate::time::clock::Moment;

/// The extensions in flight and the registrations of one lease, by node.
#[derive(Debug, Default)]
pub(super) struct Watching {
    /// Empty until the first extension.
    nodes: Box<[NodeWatch]>,
    watcher: Option<Arc<LeaseWatcher>>,
}

/// What is known of one node.
#[derive(Clone, Copy, Debug, Default)]
struct NodeWatch {
    /// When the latest extension was sent, until its response.
    in_flight: Option<Moment>,
    /// When the first extension without any response since was sent.
    silent_since: Option<Moment>,
    /// The number of keys whose next change the node will report.
    registered: usize,
    /// Whether a change was reported that an extension in flight does not explain.
    was_changed: bool,
    /// When the latest regular extension was sent, until its response.
    extending: Option<Moment>,
}

/// A lease whose keys are watched.
pub(super) trait WatchedLease: Send + Sync {
    /// Called when a node reports a change of a key.
    fn on_key_changed(self: Arc<Self>, node: usize);
}

/// The watcher of a lease. It ends with the lease, and is all that a node keeps of one that has
/// ended.
pub(super) struct LeaseWatcher(Weak<dyn WatchedLease>);

impl Watching {
    /// Records extensions that are about to be sent to these of `count` nodes. `are_regular`: whether
    /// the lease makes them regularly.
    pub(super) fn sent(
        &mut self,
        nodes: &Selection,
        count: usize,
        sent: Moment,
        are_regular: bool,
    ) {
        if self.nodes.is_empty() {
            self.nodes = vec![NodeWatch::default(); count].into();
        }
        for node in nodes.iter() {
            let node = &mut self.nodes[node];
            node.in_flight = Some(sent);
            node.silent_since.get_or_insert(sent);
            node.extending = are_regular.then_some(sent).or(node.extending);
        }
    }

    /// Records that the regular extension that was sent at `sent` has its response, or never will have
    /// one.
    pub(super) fn extended(&mut self, node: usize, sent: Moment) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.extending = node.extending.filter(|latest| *latest > sent);
        }
    }

    /// Whether the node owes the response to a regular extension that was sent within `limit`. An older
    /// one is most likely lost.
    pub(super) fn is_extending(&self, node: usize, now: Moment, limit: Duration) -> bool {
        let sent = self.nodes.get(node).and_then(|node| node.extending);
        sent.is_some_and(|sent| now.saturating_since(sent) < limit)
    }

    /// Returns the watcher for the extensions that register.
    pub(super) fn watcher<L: WatchedLease + 'static>(
        &mut self,
        lease: &Arc<L>,
    ) -> Arc<LeaseWatcher> {
        let watcher = self.watcher.get_or_insert_with(|| {
            let lease: Weak<L> = Arc::downgrade(lease);
            Arc::new(LeaseWatcher(lease))
        });
        Arc::clone(watcher)
    }

    /// Records the response to an extension. Returns whether the keys may have changed since.
    ///
    /// `registers`: the number of keys that the extension registered if it was confirmed.
    pub(super) fn responded(
        &mut self,
        node: usize,
        sent: Moment,
        result: &NodeResult<Extension>,
        registers: usize,
    ) -> bool {
        let Some(node) = self.nodes.get_mut(node) else {
            return false;
        };
        // An extension that never left says nothing about the node, or about earlier ones in flight:
        // in an overload, their reports would cause checks, which add to it.
        if result.as_ref().is_err_and(|error| !error.is_sent()) {
            return false;
        }
        node.silent_since = None;
        // Responses arrive in order, unless a script had to be sent again.
        node.in_flight = node.in_flight.filter(|latest| *latest > sent);
        // Another one in flight changes the keys too, and its response shows what it has found.
        let was_changed = std::mem::take(&mut node.was_changed) && node.in_flight.is_none();
        match result {
            Ok(Extension::Confirmed) if registers > 0 => {
                node.registered = registers;
                was_changed
            }
            Ok(Extension::NotHeld | Extension::Contested) => {
                node.registered = 0;
                false
            }
            // The registrations are those of earlier extensions, if the connection is the same.
            Ok(Extension::Confirmed) | Err(_) => false,
        }
    }

    /// Records that the node reported a change of one key. Returns whether to check the keys now.
    pub(super) fn reported(&mut self, node: usize) -> bool {
        let Some(node) = self.nodes.get_mut(node) else {
            return false;
        };
        let was_registered = node.registered > 0;
        node.registered = node.registered.saturating_sub(1);
        // However late the response is: under load, checks would add to it.
        if node.in_flight.is_some() {
            // The extension itself changes each key once. What changes them before it shows in its
            // response. Any further report is of a change behind it.
            node.was_changed |= !was_registered;
            return false;
        }
        was_registered
    }

    /// Whether a node has not responded to an extension for at least `timeout`.
    pub(super) fn is_silent(&self, node: usize, now: Moment, timeout: Duration) -> bool {
        let since = self.nodes.get(node).and_then(|node| node.silent_since);
        since.is_some_and(|since| now.saturating_since(since) >= timeout)
    }
}

impl Watcher for LeaseWatcher {
    fn key_changed(&self, node: usize) {
        if let Some(lease) = self.0.upgrade() {
            lease.on_key_changed(node);
        }
    }
}

impl fmt::Debug for LeaseWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseWatcher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{NodeError, NodeErrorKind};

    const TIMEOUT: Duration = Duration::from_millis(50);
    const CONFIRMED: NodeResult<Extension> = Ok(Extension::Confirmed);

    fn after(start: Moment, millis: u64) -> Moment {
        start.checked_add(Duration::from_millis(millis)).unwrap()
    }

    fn send(watching: &mut Watching, sent: Moment) {
        watching.sent(&Selection::of(1, |_| true), 1, sent, true);
    }

    /// A lease whose extension at `start` has registered `keys` keys with its only node.
    fn registered(start: Moment, keys: usize) -> Watching {
        let mut watching = Watching::default();
        send(&mut watching, start);
        assert!(!watching.responded(0, start, &CONFIRMED, keys));
        watching
    }

    #[test]
    fn a_registration_causes_one_check() {
        let start = Moment::now();
        let mut watching = registered(start, 1);
        assert!(watching.reported(0));
        assert!(!watching.reported(0), "not registered");
    }

    #[test]
    fn the_change_that_an_extension_makes_causes_no_check() {
        let start = Moment::now();
        for keys in [1, 3] {
            let mut watching = registered(start, keys);
            send(&mut watching, after(start, 1));
            for _ in 0..keys {
                assert!(!watching.reported(0));
            }
            assert!(!watching.responded(0, after(start, 1), &CONFIRMED, keys));
        }
    }

    #[test]
    fn a_change_right_behind_an_extension_is_checked_after_it() {
        let start = Moment::now();
        let mut watching = registered(start, 1);
        send(&mut watching, after(start, 1));
        // Once for the extension itself, once for what followed it.
        for _ in 0..2 {
            assert!(!watching.reported(0));
        }
        assert!(watching.responded(0, after(start, 1), &CONFIRMED, 1));
    }

    #[test]
    fn extensions_that_overtake_their_responses_cause_no_check() {
        let start = Moment::now();
        let mut watching = registered(start, 1);
        for millis in 1..=5 {
            send(&mut watching, after(start, millis));
        }
        // All five are carried out before the first response arrives.
        for _ in 1..=5 {
            assert!(!watching.reported(0));
        }
        for millis in 1..=5 {
            assert!(!watching.responded(0, after(start, millis), &CONFIRMED, 1));
        }
        assert!(watching.reported(0), "the last one has registered");
    }

    #[test]
    fn an_extension_that_never_left_hides_none_that_is_in_flight() {
        let start = Moment::now();
        let mut watching = registered(start, 1);
        let unsent = Err(NodeError::unsent(NodeErrorKind::Overloaded, ""));
        send(&mut watching, after(start, 1));
        send(&mut watching, after(start, 2));
        assert!(!watching.responded(0, after(start, 2), &unsent, 1));
        assert!(!watching.reported(0), "the first one explains it");
        assert!(!watching.responded(0, after(start, 1), &CONFIRMED, 1));
        send(&mut watching, after(start, 3));
        assert!(!watching.reported(0));
        assert!(!watching.responded(0, after(start, 3), &CONFIRMED, 1));
        assert!(watching.reported(0));
    }

    #[test]
    fn a_node_is_silent_until_it_responds_in_any_way() {
        let start = Moment::now();
        let mut watching = registered(start, 1);
        for millis in [10, 20, 70] {
            send(&mut watching, after(start, millis));
        }
        assert!(!watching.is_silent(0, after(start, 59), TIMEOUT));
        assert!(watching.is_silent(0, after(start, 60), TIMEOUT));
        let failed = Err(NodeError::new(NodeErrorKind::Server, ""));
        assert!(!watching.responded(0, after(start, 10), &failed, 1));
        assert!(!watching.is_silent(0, after(start, 99), TIMEOUT));
    }
}
