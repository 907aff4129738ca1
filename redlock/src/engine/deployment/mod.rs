//! The deployment: the nodes of a manager, and which of them have a vote.
//!
//! A node that lost its data has lost locks too, and would grant them again. Each node therefore
//! carries an [identity record](record) that shows a loss, and a node that may have lost
//! locks is in quarantine until they have expired. The rules are a pure function of what was last
//! seen of each node: see [`plan`] and [`forming`].
//!
//! ```text
//! connected, invalidation ─▶ version + 1 ─▶ Identify ─▶ view ─▶ plan ─▶ standing, change of record
//!                                 │                                         │
//!                  grants under an older version do not count        acquires are sent, or refused
//! ```

mod applicant;
mod drive;
mod forming;
mod memory;
mod node_state;
mod plan;
mod quarantine;
mod record;
mod report;
mod standing;
mod verdict;
mod view;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::Notify;

pub(crate) use self::applicant::Applicant;
use self::memory::Memory;
use self::node_state::NodeState;
use self::plan::Rules;
use self::standing::Versions;
pub(crate) use self::standing::{Admission, AtomicVersion, Loss, Standing, Version};
use crate::config::Config;
use crate::engine::registry::Registry;
use crate::engine::timer::{Timed, TimerKey, Timers};
use crate::node::{Session, SessionObserver, Watch, Watcher};
use crate::quorum::Quorum;
use crate::sync::Mutex;
use crate::time::clock::Moment;
use crate::time::validity;

/// The id of a deployment, shared by the engines of a manager.
pub(crate) type KnownId = Mutex<Option<Arc<str>>>;

/// The nodes of an engine, and which of them have a vote.
pub(crate) struct Deployment {
    rules: Rules,
    versions: Versions,
    /// For each node the version under which it is admitted without a check, 0 if it is not.
    admitted: Box<[AtomicU64]>,
    /// Whether each node was identified over its current connection.
    identified: Box<[AtomicBool]>,
    state: Mutex<State>,
    sessions: OnceLock<Box<[Arc<dyn Session>]>>,
    registry: Arc<Registry>,
    timers: Arc<Timers>,
    known: Arc<KnownId>,
    /// Notified when a standing changes.
    changed: Notify,
    itself: Weak<Self>,
}

struct State {
    nodes: Box<[NodeState]>,
    memory: Memory,
    /// The number of readings and changes that were sent.
    sent: u64,
    timer: Option<TimerKey>,
    is_driving: bool,
    /// Whether something has changed while another thread was driving.
    is_due: bool,
}

impl Deployment {
    pub(crate) fn new(
        config: &Config,
        names: &Arc<[Arc<str>]>,
        registry: &Arc<Registry>,
        timers: &Arc<Timers>,
        known: &Arc<KnownId>,
    ) -> Arc<Self> {
        let nodes = names.len();
        let rules = Rules {
            quorum: Quorum::of(nodes),
            drift_factor: config.drift_factor,
            is_quarantine_on: config.restart_quarantine,
            allow_resize: config.allow_resize,
            key: format!("{}{RECORD_KEY}", config.key_prefix)
                .into_bytes()
                .into(),
            names: Arc::clone(names),
        };
        let standing = || {
            if rules.is_quarantine_on {
                Standing::Pending
            } else {
                Standing::unconditional()
            }
        };
        let state = State {
            nodes: (0..nodes).map(|_| NodeState::new(standing())).collect(),
            memory: Memory::new(nodes, known.lock().clone(), whole_millis(config.max_ttl)),
            sent: 0,
            timer: None,
            is_driving: false,
            is_due: false,
        };
        Arc::new_cyclic(|itself| Self {
            versions: Versions::new(nodes),
            admitted: (0..nodes).map(|_| AtomicU64::new(0)).collect(),
            identified: (0..nodes).map(|_| AtomicBool::new(false)).collect(),
            state: Mutex::new(state),
            sessions: OnceLock::new(),
            registry: Arc::clone(registry),
            timers: Arc::clone(timers),
            known: Arc::clone(known),
            changed: Notify::new(),
            itself: Weak::clone(itself),
            rules,
        })
    }

    /// Identifies the nodes over these sessions.
    pub(crate) fn identify(&self, sessions: &[Arc<dyn Session>]) {
        let _first = self.sessions.set(sessions.into());
        self.drive();
    }

    /// Returns the standing of a node for an acquire. While it is pending, `applicant` waits.
    pub(crate) fn apply(
        &self,
        node: usize,
        applicant: impl FnOnce() -> Arc<dyn Applicant>,
        watch: impl FnOnce() -> Option<Watch>,
    ) -> Standing {
        if let Some(admission) = self.fast_admission(node) {
            return Standing::Admitted(admission);
        }
        let mut state = self.state.lock();
        if state.nodes[node].standing.is_over(Moment::now()) {
            // The timer is about to fire.
            drop(state);
            self.drive();
            state = self.state.lock();
        }
        let node = &mut state.nodes[node];
        match &node.standing {
            Standing::Pending => node.await_decision(applicant()),
            Standing::Quarantined(..) | Standing::Refused(_) => {
                if let Some(watch) = watch() {
                    node.await_vote(watch);
                }
            }
            Standing::Admitted(_) | Standing::Down => {}
        }
        node.standing.clone()
    }

    /// The admission of a node whose record is tracked. Takes no lock.
    fn fast_admission(&self, node: usize) -> Option<Admission> {
        let admitted = self.admitted[node].load(Ordering::SeqCst);
        let version = Version::new(admitted);
        let is_current = admitted != 0 && self.versions.is_current(node, version);
        is_current.then_some(Admission {
            version,
            check: None,
        })
    }

    /// Whether a grant that was requested under `version` counts.
    pub(crate) fn is_current(&self, node: usize, version: Version) -> bool {
        self.versions.is_current(node, version)
    }

    /// Whether confirmations of the node count: it is identified, so that its record names the
    /// process that confirms. It is not another name of a server, nor part of another deployment.
    pub(crate) fn may_confirm(&self, node: usize) -> bool {
        if !self.identified[node].load(Ordering::SeqCst) {
            return !self.rules.is_quarantine_on;
        }
        self.fast_admission(node).is_some()
            || !self.state.lock().nodes[node].standing.is_misplaced()
    }

    /// Waits until `needed` nodes are admitted, or no more of them can be soon. Cancel safe.
    ///
    /// At most for `patience` as long as nodes have not responded. A deployment that is being formed
    /// takes longer. Returns whether there was anything to wait for.
    pub(crate) async fn usable(&self, needed: usize, patience: Duration) -> bool {
        let is_decided = |seen_only: bool| {
            if (0..self.admitted.len())
                .filter_map(|it| self.fast_admission(it))
                .count()
                >= needed
            {
                return true;
            }
            let state = self.state.lock();
            let is_admitted = |node: &&NodeState| node.standing.is_admitted();
            let is_awaited = |node: &&NodeState| {
                node.standing.is_pending() && (!seen_only || node.view.seen().is_some())
            };
            let admitted = state.nodes.iter().filter(is_admitted).count();
            let awaited = state.nodes.iter().filter(is_awaited).count();
            admitted >= needed || admitted + awaited < needed
        };
        if is_decided(false) {
            return false;
        }
        // Boxed, because it is rare, and its timers are large.
        Box::pin(async {
            let _decided = tokio::time::timeout(patience, self.until(|| is_decided(false))).await;
            let formed = tokio::time::timeout(FORMING_LIMIT, self.until(|| is_decided(true)));
            let _formed = formed.await;
        })
        .await;
        true
    }

    /// Waits until all nodes are identified, at most for `limit`. Cancel safe.
    pub(crate) async fn settled(&self, limit: Duration) {
        let is_settled = || {
            let state = self.state.lock();
            let mut nodes = state.nodes.iter();
            !nodes.any(|node| node.standing.is_pending() || node.is_in_flight())
        };
        let _settled = tokio::time::timeout(limit, self.until(is_settled)).await;
    }

    /// Waits until `is_met`, which is called after each change of a standing.
    async fn until(&self, is_met: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the condition is read, so that no change is missed.
            changed.as_mut().enable();
            if is_met() {
                return;
            }
            changed.await;
        }
    }

    /// Reads a record again that an acquire has found to be another than that of `version`.
    pub(crate) fn recheck(&self, node: usize, version: Version) {
        if self.versions.is_current(node, version) {
            self.invalidate(node, false);
        }
    }

    fn invalidate(&self, node: usize, is_new_connection: bool) {
        // First: a grant whose response is being read right now must not count.
        self.versions.advance(node);
        if is_new_connection {
            self.identified[node].store(false, Ordering::SeqCst);
        }
        {
            let mut state = self.state.lock();
            let node = &mut state.nodes[node];
            node.invalidate();
            if matches!(node.standing, Standing::Down) {
                // Acquires that the session returns wait for the new connection.
                node.standing = Standing::Pending;
            }
            node.connection += u64::from(is_new_connection);
            node.has_changed = true;
            node.is_new_connection |= is_new_connection;
        }
        self.drive();
    }
}

impl SessionObserver for Deployment {
    fn connected(&self, node: usize) {
        self.invalidate(node, true);
    }
}

impl Watcher for Deployment {
    fn key_changed(&self, node: usize) {
        self.invalidate(node, false);
    }
}

impl Timed for Deployment {
    fn on_timer(self: Arc<Self>) {
        self.state.lock().timer = None;
        self.drive();
    }
}

impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployment").finish_non_exhaustive()
    }
}

/// A ttl in the precision of a record.
fn whole_millis(ttl: Duration) -> Duration {
    validity::whole_millis(ttl).map_or(ttl, Duration::from_millis)
}

/// The key of the identity record, behind the prefix of the manager.
pub(crate) const RECORD_KEY: &str = "redlock:node";

/// How long a request waits for a deployment that is being formed: a second for other managers, and
/// time for a few round trips.
const FORMING_LIMIT: Duration = Duration::from_secs(3);
