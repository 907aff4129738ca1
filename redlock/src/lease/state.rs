//! The mutable state of a lease.

use std::sync::{Arc, Weak};

use tokio_util::sync::CancellationToken;

use crate::engine::registry::Slot;
use crate::engine::timer::TimerKey;
use crate::error::LossReason;
use crate::lease::contention::Contention;
use crate::lease::failures::Failures;
use crate::lease::watching::Watching;
use crate::lease_id::LeaseId;
use crate::node::{AcquireTerms, ReleaseTerms};
use crate::quorum::hold::{Hold, Holds};
use crate::quorum::per_node::Selection;
use crate::quorum::tally::Tally;
use crate::time::clock::Moment;
use crate::token::FencingToken;
use crate::waiting::queue::Place;
use crate::waiting::wakeup::Wakeup;

#[derive(Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// The votes of the round. They are gone once it was won.
    pub(super) tally: Tally,
    /// What each node keeps of the lease.
    pub(super) holds: Holds,
    /// The moment by which the key is gone from every node, at the latest.
    pub(super) gone_by: Moment,
    /// Cancelled when the lease ends. Created on the first request for it.
    pub(super) cancellation: Option<CancellationToken>,
    /// Cancelled, and then replaced, when the deadline moves nearer or the lease ends. Created on
    /// the first request for it.
    pub(super) nearer: Option<CancellationToken>,
    pub(super) timer: Option<TimerKey>,
    /// The place in the registry of live leases, while it is held.
    pub(super) slot: Option<Slot>,
    /// The moment of the next extension.
    pub(super) extend_at: Moment,
    /// The latest background extension.
    pub(super) attempt: Attempt,
    /// Whether the next extension was brought forward.
    pub(super) is_early: bool,
    /// The last failure of each node.
    pub(super) failures: Failures,
    /// The extensions in flight, and the registrations with the nodes.
    pub(super) watching: Watching,
    /// Boxed, because few leases have any.
    extras: Option<Box<Extras>>,
    /// The deadline of the holds, recomputed whenever they change.
    deadline: Option<Moment>,
    /// What acquires say about contention, until the round is won.
    pub(super) contention: Contention,
    /// The contender of the round, if it goes on waiting when the round is lost. It keeps the memory of
    /// the contender, and is gone once the round was won and all nodes have voted.
    pub(super) wakeup: Option<Weak<Wakeup>>,
    /// What the acquires say, until the round is won.
    pub(super) terms: Option<Arc<AcquireTerms>>,
    pub(super) fencing_token: Option<FencingToken>,
    /// The head of the local queue, kept while the lease is held.
    pub(super) place: Option<Place>,
}

/// What few leases have.
#[derive(Debug, Default)]
pub(super) struct Extras {
    /// The lease whose keys are adopted, if they are.
    pub(super) adopted_from: Option<LeaseId>,
    /// The nodes with a re-arm whose outcome is unknown.
    pub(super) rearming: Vec<usize>,
    /// Re-arms that met another owner, to be repeated.
    pub(super) retries: Vec<RearmRetry>,
}

/// The phase of a lease. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The round is undecided.
    Acquiring,
    /// A guard holds it.
    Held,
    /// It has ended for good.
    Ended(End),
}

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The round was lost, or the request was dropped.
    Abandoned,
    /// The lease was handed over to another process.
    Detached,
    /// The guard was dropped or released.
    Released,
    /// It ended while its guard was alive.
    Lost(LossReason),
}

impl End {
    /// The reason that work under the lease is given.
    pub(super) fn reason(self) -> LossReason {
        match self {
            Self::Abandoned | Self::Released => LossReason::Released,
            Self::Detached => LossReason::Detached,
            Self::Lost(reason) => reason,
        }
    }

    /// Whether the keys stay until `hold_at_least` is over. They do not if there never was a guard.
    /// Nor do they once another client can acquire the lock: the rest would only be in its way.
    pub(super) fn keeps(self) -> bool {
        match self {
            Self::Released => true,
            Self::Lost(reason) => !matches!(
                reason,
                LossReason::Gone
                    | LossReason::Adopted
                    | LossReason::Unlocked
                    | LossReason::ForceReleased
            ),
            Self::Abandoned | Self::Detached => false,
        }
    }
}

/// The releases that the end of a lease leaves to be sent.
pub(super) struct ReleasePlan {
    /// The nodes that may hold a key.
    pub(super) nodes: Selection,
    /// What each of them says.
    pub(super) terms: Arc<ReleaseTerms>,
    /// Whether the contender goes on waiting, if it still does.
    pub(super) requeues: bool,
    /// The nodes that repeat the hint of the release. Two do, in case one of them is down: which ones
    /// depends on the lease.
    pub(super) repeating: [Option<usize>; 2],
}

impl ReleasePlan {
    /// Chooses the nodes that repeat the hint, among those of the plan.
    pub(super) fn repeating(nodes: &Selection, id: &LeaseId) -> [Option<usize>; 2] {
        let first = usize::from(id.as_bytes().first().copied().unwrap_or_default());
        let skipped = first % nodes.len().max(1);
        let mut chosen = nodes.iter().chain(nodes.iter()).skip(skipped);
        [chosen.next(), chosen.next()]
    }

    /// Whether this node repeats the hint of the release.
    pub(super) fn repeats_hint(&self, node: usize) -> bool {
        self.repeating.contains(&Some(node))
    }
}

/// A re-arm that is to be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RearmRetry {
    pub(super) node: usize,
    pub(super) due: Moment,
    pub(super) grant: RearmGrant,
}

/// What entitles a lease to re-arm a node: a quorum of others has just confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RearmGrant {
    /// The end of the repetitions: a node timeout after the confirmations were requested.
    pub(super) until: Moment,
    /// Attempts so far that met another owner.
    pub(super) refused: u32,
}

/// One background extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Distinguishes confirmations of this attempt from those of earlier ones.
    pub(super) number: u32,
    /// The moment at which it was sent; before the first, that of the acquisition.
    pub(super) sent: Moment,
    pub(super) confirmed: u32,
}

impl Attempt {
    /// The number of nodes that have confirmed it.
    pub(super) fn confirmed(&self) -> usize {
        self.confirmed as usize
    }
}

impl State {
    pub(super) fn new(
        tally: Tally,
        sent_at: Moment,
        gone_by: Moment,
        contention: Contention,
    ) -> Self {
        let nodes = tally.quorum().nodes();
        Self {
            phase: Phase::Acquiring,
            holds: Holds::unknown(nodes, sent_at),
            tally,
            gone_by,
            cancellation: None,
            nearer: None,
            timer: None,
            slot: None,
            extend_at: gone_by,
            attempt: Attempt {
                number: 0,
                sent: sent_at,
                confirmed: 0,
            },
            is_early: false,
            failures: Failures::new(sent_at),
            watching: Watching::default(),
            extras: None,
            deadline: None,
            wakeup: contention.wakeup.as_ref().map(Arc::downgrade),
            contention,
            terms: None,
            fencing_token: None,
            place: None,
        }
    }

    /// The deadline: the moment after which the lease counts as expired. `None` unless it is held.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.deadline.filter(|_| self.phase == Phase::Held)
    }

    /// What few leases have, to be changed.
    pub(super) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// The lease whose keys are adopted, if they are.
    pub(super) fn adopted_from(&self) -> Option<&LeaseId> {
        self.extras.as_ref()?.adopted_from.as_ref()
    }

    /// The moments of the re-arms that are to be repeated.
    pub(super) fn retries_due(&self) -> impl Iterator<Item = Moment> {
        let retries = self.extras.iter().flat_map(|it| &it.retries);
        retries.map(|retry| retry.due)
    }

    /// Forgets the contender of a round that was won, unless it may still be added to a waiting list.
    pub(super) fn forget_contender(&mut self) {
        if self.phase == Phase::Held && self.tally.is_complete() {
            self.wakeup = None;
        }
    }

    /// Records that keys may stay on a node until this moment.
    pub(super) fn keys_may_stay(&mut self, gone_by: Moment) {
        self.gone_by = self.gone_by.max(gone_by);
    }

    /// The nodes where a re-arm in flight may set keys that are not counted on.
    pub(super) fn unsettled(&self) -> Selection {
        let is_counted = |node: usize| matches!(self.holds.get(node), Hold::Until(_));
        let extras = self.extras.as_ref();
        let is_rearming = |node| extras.is_some_and(|it| it.rearming.contains(&node));
        Selection::of(self.tally.quorum().nodes(), |node| {
            is_rearming(node) && !is_counted(node)
        })
    }

    /// Recomputes the deadline, and returns that of the holds.
    pub(super) fn holds_changed(&mut self) -> Option<Moment> {
        self.deadline = self.holds.deadline();
        self.deadline
    }
}
