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

use std::time::Duration;

use crate::lease::open::{Open, OpenNodes};
use crate::node::{Extension, NodeResult};
use crate::quorum::per_node::{PerNode, Selection};
use crate::time::clock::Moment;

/// The extensions in flight and the registrations of one lease, by node.
///
/// Between two extensions, it takes little memory.
#[derive(Debug, Default)]
pub(super) struct Watching {
    /// The number of keys whose next change each node will report. `None` until the first extension.
    registered: Option<PerNode<u16>>,
    /// What is open at each node; `None` while nothing is.
    open: Option<OpenNodes>,
}

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
        self.registered
            .get_or_insert_with(|| PerNode::new(count, || 0));
        let open = self
            .open
            .get_or_insert_with(|| OpenNodes::none(count, sent));
        open.sent(nodes, count, sent, are_regular);
    }

    /// Records that the regular extension that was sent at `sent` has its response, or never will have
    /// one.
    pub(super) fn extended(&mut self, node: usize, sent: Moment) {
        self.change(node, |open| {
            open.extending = open.extending.filter(|latest| *latest > sent);
        });
    }

    /// What is open at a node.
    fn open(&self, node: usize) -> Open {
        let open = self.open.as_ref();
        open.map_or_else(Open::default, |open| open.get(node))
    }

    /// Changes what is open at a node, if anything is at any. Changes to nothing else matter: what is
    /// not open cannot be completed.
    fn change<T: Default>(&mut self, node: usize, change: impl FnOnce(&mut Open) -> T) -> T {
        let (Some(open), Some(registered)) = (&mut self.open, &self.registered) else {
            return T::default();
        };
        let changed = open.change(node, registered.len(), change);
        if open.is_over() {
            self.open = None;
        }
        changed
    }

    /// Whether the node owes the response to a regular extension that was sent within `limit`. An older
    /// one is most likely lost.
    pub(super) fn is_extending(&self, node: usize, now: Moment, limit: Duration) -> bool {
        let sent = self.open(node).extending;
        sent.is_some_and(|sent| now.saturating_since(sent) < limit)
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
        if self.registered.is_none() {
            return false;
        }
        // An extension that never left says nothing about the node, or about earlier ones in flight:
        // in an overload, their reports would cause checks, which add to it.
        if result.as_ref().is_err_and(|error| !error.is_sent()) {
            return false;
        }
        let was_changed = self.change(node, |open| {
            open.silent_since = None;
            // Responses arrive in order, unless a script had to be sent again.
            open.in_flight = open.in_flight.filter(|latest| *latest > sent);
            // Another one in flight changes the keys too, and its response shows what it has found.
            std::mem::take(&mut open.was_changed) && open.in_flight.is_none()
        });
        match result {
            Ok(Extension::Confirmed) if registers > 0 => {
                self.set_registered(node, registers);
                was_changed
            }
            Ok(Extension::NotHeld | Extension::Contested) => {
                self.set_registered(node, 0);
                false
            }
            // The registrations are those of earlier extensions, if the connection is the same.
            Ok(Extension::Confirmed) | Err(_) => false,
        }
    }

    /// Records that the node reported a change of one key. Returns whether to check the keys now.
    pub(super) fn reported(&mut self, node: usize) -> bool {
        let Some(registered) = &mut self.registered else {
            return false;
        };
        let was_registered = registered[node] > 0;
        registered[node] = registered[node].saturating_sub(1);
        // However late the response is: under load, checks would add to it.
        if self.open(node).in_flight.is_some() {
            // The extension itself changes each key once. What changes them before it shows in its
            // response. Any further report is of a change behind it.
            self.change(node, |open| open.was_changed |= !was_registered);
            return false;
        }
        was_registered
    }

    fn set_registered(&mut self, node: usize, keys: usize) {
        if let Some(registered) = &mut self.registered {
            // A lease has at most 1024.
            registered[node] = u16::try_from(keys).unwrap_or(u16::MAX);
        }
    }

    /// Whether a node has not responded to an extension for at least `timeout`.
    pub(super) fn is_silent(&self, node: usize, now: Moment, timeout: Duration) -> bool {
        let since = self.open(node).silent_since;
        since.is_some_and(|since| now.saturating_since(since) >= timeout)
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
        watching.extended(0, start);
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
    fn nothing_is_kept_open_once_all_nodes_have_responded() {
        let start = Moment::now();
        let mut watching = registered(start, 1);
        assert!(watching.open.is_none());
        send(&mut watching, after(start, 1));
        assert!(watching.open.is_some());
        let failed = Err(NodeError::new(NodeErrorKind::Server, ""));
        assert!(!watching.responded(0, after(start, 1), &failed, 1));
        assert!(watching.open.is_some(), "a regular one, not yet recorded");
        watching.extended(0, after(start, 1));
        assert!(watching.open.is_none());
        assert!(watching.reported(0), "still registered");
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
