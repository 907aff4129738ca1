//! The hold of a lease: what each node keeps of it, apart from how the node voted.
//!
//! A vote belongs to one round and never changes once the round is over. A hold changes for as long
//! as the lease lives: nodes lose keys, come back, and get the keys again. The deadline follows from
//! the holds alone.
//!
//! ```text
//!             granted
//!   Unknown ──────────▶ Until(expiry) ◀────────┐ a later extension finds the keys
//!      ▲                   │ "not held"        │
//!      └──── re-arm ──── Gone ◀┘            Unknown
//! ```
//!
//! Responses can arrive late. Each hold therefore knows the moment from which on extensions decide:
//! those that were sent before it may have been carried out before the last change.

use crate::quorum::Quorum;
use crate::quorum::per_node::{PerNode, Selection};
use crate::time::clock::Moment;
use crate::time::validity;

/// What one node keeps of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// No key: another owner has it, or no command arrived.
    Absent,
    /// At least one key is missing, as the node reported at this moment for the first time. A command
    /// that was sent before, over a connection that broke, may still set it.
    Gone(Moment),
    /// A command that may set the keys is in flight, or has failed.
    Unknown,
    /// All keys are there until this moment at least.
    Until(Moment),
}

/// The holds of all nodes, in the order of the nodes.
#[derive(Clone, Debug)]
pub(crate) struct Holds(PerNode<NodeHold>);

#[derive(Clone, Copy, Debug)]
struct NodeHold {
    hold: PackedHold,
    /// Extensions that were sent before this moment do not decide.
    since: Moment,
}

/// A hold in half of its size. The highest bit is not part of the moment.
///
/// ```text
/// 0 and a moment   until then          1 and a moment   gone since then
/// 0 alone          absent              1 alone          unknown
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PackedHold(u64);

impl Hold {
    /// Whether a key may be on the node, or may still be set there, so that a release must go there.
    pub(crate) fn may_hold(self) -> bool {
        !matches!(self, Self::Absent)
    }
}

impl Holds {
    /// Returns the holds of a round whose commands are sent from `since` on.
    pub(crate) fn unknown(nodes: usize, since: Moment) -> Self {
        let hold = PackedHold::from(Hold::Unknown);
        Self(PerNode::new(nodes, || NodeHold { hold, since }))
    }

    pub(crate) fn get(&self, node: usize) -> Hold {
        self.0[node].hold.unpack()
    }

    /// Sets a hold. Extensions that were sent before `since` no longer decide.
    pub(crate) fn set(&mut self, node: usize, hold: Hold, since: Moment) {
        let hold = hold.into();
        self.0[node] = NodeHold { hold, since };
    }

    /// Sets the hold that follows from the node's vote on a round that was sent at `sent`, unless a
    /// later command has decided meanwhile.
    pub(crate) fn vote(&mut self, node: usize, hold: Hold, sent: Moment) {
        let current = &mut self.0[node];
        if current.hold == Hold::Unknown.into() && current.since <= sent {
            current.hold = hold.into();
        }
    }

    /// Whether an extension that was sent at `sent` decides what the node holds.
    pub(crate) fn decides(&self, node: usize, sent: Moment) -> bool {
        sent >= self.0[node].since
    }

    /// Whether what the node holds was last confirmed by a command that was sent before `moment`.
    pub(crate) fn was_confirmed_before(&self, node: usize, moment: Moment) -> bool {
        self.0[node].since < moment
    }

    /// Whether a node may join the nodes that hold the lease: a quorum of others holds it until
    /// `outlast`, which is later than the end of any round that is in progress.
    ///
    /// The node may have granted the lock in such a round, and lost its data since. The round must
    /// not find the others free while it can still be won.
    pub(crate) fn may_join(&self, node: usize, outlast: Moment) -> bool {
        let others = self.0.iter().enumerate().filter(|(other, it)| {
            *other != node && it.hold.expiry().is_some_and(|expiry| expiry >= outlast)
        });
        others.count() >= Quorum::of(self.0.len()).needed()
    }

    /// Records the confirmation of an extension that was sent at `sent`. Returns whether it counts.
    ///
    /// That of a node that did not hold the lease counts only if it [may join](Self::may_join).
    pub(crate) fn confirm(
        &mut self,
        node: usize,
        sent: Moment,
        expiry: Moment,
        outlast: impl FnOnce() -> Moment,
    ) -> bool {
        let is_new = self.0[node].hold.expiry().is_none();
        if !self.decides(node, sent) || is_new && !self.may_join(node, outlast()) {
            return false;
        }
        let current = &mut self.0[node];
        let before = current.hold.expiry().unwrap_or(expiry);
        *current = NodeHold {
            hold: Hold::Until(before.max(expiry)).into(),
            since: sent,
        };
        true
    }

    /// Postpones the expiry at a node that holds the lease. Extensions that were sent before `sent` no
    /// longer decide.
    pub(crate) fn extend(&mut self, node: usize, sent: Moment, expiry: Moment) {
        let current = &mut self.0[node];
        if let Some(before) = current.hold.expiry() {
            *current = NodeHold {
                hold: Hold::Until(before.max(expiry)).into(),
                since: sent.max(current.since),
            };
        }
    }

    /// Records at `now` that an extension that was sent at `sent` did not find the keys. Returns whether
    /// it counts.
    pub(crate) fn lose(&mut self, node: usize, sent: Moment, now: Moment) -> bool {
        if sent < self.0[node].since {
            return false;
        }
        let gone_at = self.gone_at(node).unwrap_or(now);
        self.set(node, Hold::Gone(gone_at), sent);
        true
    }

    /// Returns since when the node is known to lack a key.
    pub(crate) fn gone_at(&self, node: usize) -> Option<Moment> {
        match self.get(node) {
            Hold::Gone(since) => Some(since),
            _ => None,
        }
    }

    /// The number of nodes that hold all keys.
    pub(crate) fn held(&self) -> usize {
        let holds = self.0.iter();
        holds.filter(|it| it.hold.expiry().is_some()).count()
    }

    /// The moment after which the lease counts as expired; `None` without a majority.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        let expiries = self.0.iter().filter_map(|it| it.hold.expiry());
        validity::deadline(expiries, Quorum::of(self.0.len()).needed())
    }

    /// The nodes that may hold a key.
    pub(crate) fn may_hold(&self) -> Selection {
        Selection::of(self.0.len(), |node| self.get(node).may_hold())
    }
}

impl PackedHold {
    fn unpack(self) -> Hold {
        let moment = Moment::from_bits(self.0 & !OTHER);
        match (moment, self.0 & OTHER) {
            (Some(expiry), 0) => Hold::Until(expiry),
            (Some(since), _) => Hold::Gone(since),
            (None, 0) => Hold::Absent,
            (None, _) => Hold::Unknown,
        }
    }

    /// The moment until which all keys are there.
    fn expiry(self) -> Option<Moment> {
        match self.unpack() {
            Hold::Until(expiry) => Some(expiry),
            _ => None,
        }
    }
}

impl From<Hold> for PackedHold {
    fn from(hold: Hold) -> Self {
        // A moment of the next century is not later than that.
        let short = |moment: Moment| moment.to_bits().min(!OTHER);
        Self(match hold {
            Hold::Absent => 0,
            Hold::Gone(since) => OTHER | short(since),
            Hold::Unknown => OTHER,
            Hold::Until(expiry) => short(expiry),
        })
    }
}

/// The highest bit.
const OTHER: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_packed_hold_is_the_hold() {
        let (now, much) = (Moment::now(), Duration::from_secs(100 * 365 * 24 * 60 * 60));
        let moments = [
            now.checked_sub(much).unwrap(),
            now,
            now.saturating_add(much),
        ];
        let some = moments.map(|it| [Hold::Until(it), Hold::Gone(it)]);
        for hold in some
            .into_iter()
            .flatten()
            .chain([Hold::Absent, Hold::Unknown])
        {
            assert_eq!(PackedHold::from(hold).unpack(), hold);
        }
        let farthest = now.saturating_add(Duration::MAX);
        let packed = PackedHold::from(Hold::Until(farthest)).expiry();
        assert!(
            packed.unwrap() > now.saturating_add(much),
            "earlier, but not by much"
        );
    }

    fn after(start: Moment, millis: u64) -> Moment {
        start.checked_add(Duration::from_millis(millis)).unwrap()
    }

    /// Returns the holds of three nodes, of which the first is unknown.
    fn held_elsewhere(since: Moment, expiry: Moment) -> Holds {
        let mut holds = Holds::unknown(3, since);
        for node in [1, 2] {
            holds.set(node, Hold::Until(expiry), since);
        }
        holds
    }

    #[test]
    fn a_node_joins_only_while_others_outlast_any_round() {
        let start = Moment::now();
        let (round, expiry) = (after(start, 50), after(start, 90));
        let mut holds = held_elsewhere(start, expiry);
        assert!(!holds.confirm(0, start, after(start, 99), || after(start, 91)));
        assert_eq!(holds.held(), 2);
        assert!(holds.confirm(0, start, after(start, 99), || round));
        // The others do not have to outlast it for a node that holds the lease.
        assert!(holds.confirm(1, start, after(start, 99), || after(start, 200)));
    }

    #[test]
    fn a_release_goes_wherever_a_key_may_be() {
        let now = Moment::now();
        assert!(Hold::Unknown.may_hold());
        assert!(Hold::Until(now).may_hold());
        assert!(!Hold::Absent.may_hold());
        // A SET over a connection that broke may arrive after an extension did not find the key.
        assert!(Hold::Gone(Moment::now()).may_hold());
    }

    #[test]
    fn a_node_counts_once_a_later_extension_finds_the_key() {
        let start = Moment::now();
        let (sent, armed, expiry) = (after(start, 1), after(start, 2), after(start, 90));
        let mut holds = held_elsewhere(armed, expiry);
        assert!(!holds.confirm(0, sent, expiry, || start), "sent before");
        assert_eq!((holds.held(), holds.deadline()), (2, Some(expiry)));
        assert!(holds.confirm(0, armed, expiry, || start));
        assert_eq!((holds.held(), holds.deadline()), (3, Some(expiry)));
    }

    #[test]
    fn a_late_response_does_not_undo_a_newer_one() {
        let start = Moment::now();
        let (first, second, expiry) = (after(start, 1), after(start, 2), after(start, 90));
        let mut holds = held_elsewhere(start, expiry);
        assert!(holds.lose(0, second, second));
        assert!(!holds.confirm(0, first, expiry, || start));
        assert!(holds.gone_at(0).is_some());
        assert!(holds.confirm(0, second, expiry, || start));
        assert!(!holds.lose(0, first, second));
        assert_eq!(holds.get(0), Hold::Until(expiry));
    }

    #[test]
    fn a_late_vote_does_not_undo_an_extension() {
        let start = Moment::now();
        let expiry = after(start, 90);
        let mut holds = Holds::unknown(2, start);
        assert!(holds.lose(0, after(start, 1), after(start, 1)));
        holds.vote(0, Hold::Absent, start);
        assert!(holds.gone_at(0).is_some());
        holds.vote(1, Hold::Until(expiry), start);
        assert_eq!(holds.get(1), Hold::Until(expiry));
    }

    #[test]
    fn a_confirmation_never_shortens_a_hold() {
        let start = Moment::now();
        let mut holds = Holds::unknown(1, start);
        holds.set(0, Hold::Until(after(start, 90)), start);
        assert!(holds.confirm(0, start, after(start, 50), || start));
        assert_eq!(holds.deadline(), Some(after(start, 90)));
    }

    #[test]
    fn a_majority_keeps_the_lease() {
        let start = Moment::now();
        let mut holds = Holds::unknown(5, start);
        for (node, millis) in [(0, 30), (1, 10), (2, 20)] {
            holds.set(node, Hold::Until(after(start, millis)), start);
        }
        assert_eq!(holds.deadline(), Some(after(start, 10)));
        assert!(holds.lose(0, start, start));
        assert_eq!(holds.deadline(), None);
        holds.set(3, Hold::Absent, start);
        assert_eq!(holds.may_hold().iter().collect::<Vec<_>>(), [0, 1, 2, 4]);
    }
}
