//! The probe lock on one node, through all that happens to a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redlock::node::{
    Acquire, Command, Extend, Extension, Fence, Identify, Inspect, Keys, Leave, Moment, Node,
    NodeHealth, Ping, Raise, Release, Removal, Responder, Session, SessionOptions, Vote, Waiter,
    Watch, Watcher,
};
use redlock::{LeaseId, NodeError};
use tokio::runtime::Handle;

use crate::check::ask::ask;
use crate::histogram::Histogram;

/// A probe lock on one node. The node is asked directly, so neither the quorum nor the identity record
/// takes part: a check changes nothing that other processes rely on.
pub(super) struct Probe {
    pub(super) session: Arc<dyn Session>,
    pub(super) steps: Vec<Step>,
    /// The times of single acquisitions.
    pub(super) times: Histogram,
    /// The position of the node that has the same data, if there is one.
    pub(super) same_as: Option<usize>,
    names: ProbeNames,
    limit: Duration,
    waiter: Arc<Hinted>,
}

/// One thing that was tried, and how it went.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kind: StepKind,
    pub(super) outcome: Result<(), NodeError>,
}

/// What is tried, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepKind {
    Connect,
    Identify,
    Acquire,
    Contend,
    Extend,
    Read,
    Token,
    Release,
}

/// The keys and the id of a probe, unique to this run.
#[derive(Clone, Debug)]
pub(super) struct ProbeNames {
    pub(super) record: Arc<[u8]>,
    /// The same on all nodes: two of them that are one server collide here.
    pub(super) shared: Arc<[u8]>,
    /// For the measurement, and only for this node.
    pub(super) own: Arc<[u8]>,
    pub(super) run: Arc<str>,
    pub(super) node: usize,
}

/// Whether the probe's contender was hinted.
#[derive(Debug, Default)]
struct Hinted(AtomicBool);

impl Watcher for Hinted {
    fn key_changed(&self, _node: usize) {}

    fn hinted(&self, _node: usize) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl ProbeNames {
    fn id(&self) -> LeaseId {
        self.id_of(self.node)
    }

    fn id_of(&self, node: usize) -> LeaseId {
        LeaseId::from(format!("redlock-check {} {node}", self.run).as_str())
    }
}

impl Probe {
    pub(super) fn new(node: &Arc<dyn Node>, names: ProbeNames, limit: Duration) -> Self {
        let options = SessionOptions::new(Handle::current());
        Self {
            session: node.open(options.silence_limit(limit)),
            steps: Vec::new(),
            times: Histogram::default(),
            same_as: None,
            names,
            limit,
            waiter: Arc::default(),
        }
    }

    /// Whether all was carried out so far.
    pub(super) fn is_ok(&self) -> bool {
        self.steps.iter().all(|step| step.outcome.is_ok())
    }

    /// Records an outcome. Returns it, if it is a success.
    fn record<T>(&mut self, kind: StepKind, outcome: Result<T, NodeError>) -> Option<T> {
        let (value, outcome) = match outcome {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.steps.push(Step { kind, outcome });
        value
    }

    /// Connects, and takes the lock that all nodes have. `nodes`: how many there are.
    pub(super) async fn take(mut self, nodes: usize) -> Self {
        let connected = ask(&self.session, CONNECT_LIMIT, |responder| {
            Command::Ping(Ping::new(responder))
        });
        let connected = connected.await;
        self.record(StepKind::Connect, connected);
        if self.session.report().health != NodeHealth::Connected {
            return self;
        }
        let (record, watch) = (Arc::clone(&self.names.record), self.watch());
        let identified = ask(&self.session, self.limit, |responder| {
            Command::Identify(Identify::new(record, responder).watch(watch).into())
        });
        let identified = identified.await.and_then(|identified| identified.record);
        self.record(StepKind::Identify, identified);
        let taken = self.acquire(&self.names.shared).await;
        if let Ok(Vote::Busy { .. }) = taken {
            let key = Arc::clone(&self.names.shared);
            let found = self.inspect(key).await.ok().flatten();
            self.same_as = (0..nodes).find(|node| found == Some(self.names.id_of(*node)));
        }
        let is_met = self.same_as.is_some();
        let taken = taken.and_then(|vote| confirmed(is_met || is_granted(&vote)));
        self.record(StepKind::Acquire, taken);
        self
    }

    /// Does with the lock what its life may bring, and measures acquisitions.
    pub(super) async fn use_up(mut self) -> Self {
        let is_taken = self.steps.last().is_some_and(|step| step.outcome.is_ok());
        if !is_taken || self.same_as.is_some() {
            return self;
        }
        let contended = self.contend().await;
        self.record(StepKind::Contend, contended);
        let (keys, id, watch) = (self.keys(), self.names.id(), self.watch());
        let extended = ask(&self.session, self.limit, |responder| {
            let extend = Extend::new(keys, id, PROBE_TTL, responder);
            Command::Extend(extend.fence_retention(RETENTION).watch(watch))
        });
        let extended = extended
            .await
            .and_then(|it| confirmed(it == Extension::Confirmed));
        self.record(StepKind::Extend, extended);
        let read = self.inspect(Arc::clone(&self.names.shared)).await;
        let is_ours = |id: Option<LeaseId>| confirmed(id == Some(self.names.id()));
        let read = read.and_then(is_ours);
        self.record(StepKind::Read, read);
        let (keys, id) = (self.keys(), self.names.id());
        let raised = ask(&self.session, self.limit, |responder| {
            Command::Raise(Raise::new(keys, id, RAISED, RETENTION, responder).into())
        });
        let raised = raised.await;
        self.record(StepKind::Token, raised);
        let released = self.release(&self.names.shared).await;
        let released = released.and_then(|it| confirmed(it == Removal::Deleted));
        self.record(StepKind::Release, released);
        if self.is_ok() {
            self.measure().await;
        }
        self
    }

    /// Whether the contender was hinted by the release.
    pub(super) fn was_hinted(&self) -> bool {
        self.waiter.0.load(Ordering::Relaxed)
    }

    /// Deletes whatever the probe may have left. Waits for it, but not for long.
    pub(super) async fn clean_up(session: Arc<dyn Session>, names: ProbeNames) {
        for key in [&names.shared, &names.own] {
            let keys = Keys::from(Arc::clone(key));
            let gone_by = gone_by();
            let release = Release::new(keys, names.id(), gone_by, Responder::ignored());
            session.submit(Command::Release(release));
        }
        let _done = ask(&session, CLEANUP_LIMIT, |responder| {
            Command::Ping(Ping::new(responder).after_releases())
        })
        .await;
    }

    /// Requests the lock as another owner, who would wait for it.
    async fn contend(&self) -> Result<(), NodeError> {
        let (keys, waited) = (self.keys(), Duration::from_millis(1));
        let waiter = Waiter::new(self.watch(), waited);
        let id = LeaseId::from(format!("redlock-check {} contender", self.names.run).as_str());
        let vote = ask(&self.session, self.limit, |responder| {
            let acquire = Acquire::new(keys, id, PROBE_TTL, responder);
            let fence = Fence::new(PROPOSED, RETENTION);
            Command::Acquire(acquire.contended(true).fence(fence).waiter(waiter))
        });
        confirmed(matches!(vote.await?, Vote::Busy { .. }))
    }

    async fn acquire(&self, key: &Arc<[u8]>) -> Result<Vote, NodeError> {
        let (keys, id) = (Keys::from(Arc::clone(key)), self.names.id());
        ask(&self.session, self.limit, |responder| {
            let fence = Fence::new(PROPOSED, RETENTION);
            Command::Acquire(Acquire::new(keys, id, PROBE_TTL, responder).fence(fence))
        })
        .await
    }

    async fn release(&self, key: &Arc<[u8]>) -> Result<Removal, NodeError> {
        let (keys, id) = (Keys::from(Arc::clone(key)), self.names.id());
        ask(&self.session, self.limit, |responder| {
            Command::Release(Release::new(keys, id, gone_by(), responder))
        })
        .await
    }

    /// Returns the id that a key holds.
    async fn inspect(&self, key: Arc<[u8]>) -> Result<Option<LeaseId>, NodeError> {
        let snapshot = ask(&self.session, self.limit, |responder| {
            Command::Inspect(Inspect::new(key, responder))
        });
        Ok(snapshot.await?.record.and_then(|record| record.id))
    }

    /// Measures how long the node takes to grant a lock.
    async fn measure(&mut self) {
        let end = Instant::now() + MEASURE_LIMIT;
        while self.times.count() < ROUNDS && Instant::now() < end {
            let start = Instant::now();
            let granted = self.acquire(&self.names.own).await;
            if !granted.is_ok_and(|vote| is_granted(&vote)) {
                return;
            }
            self.times.record(start.elapsed());
            if self.release(&self.names.own).await.is_err() {
                return;
            }
        }
    }

    fn keys(&self) -> Keys {
        Keys::from(Arc::clone(&self.names.shared))
    }

    fn watch(&self) -> Watch {
        Watch::new(&self.waiter, self.names.node)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.session
            .submit(Command::Leave(Leave::new(self.keys(), self.watch()).into()));
    }
}

fn is_granted(vote: &Vote) -> bool {
    matches!(vote, Vote::Granted { .. })
}

fn confirmed(is_confirmed: bool) -> Result<(), NodeError> {
    let text = "the probe lock was not as it was left: is the server flushed, or used by a proxy?";
    let error = || NodeError::new(redlock::NodeErrorKind::NotHeld, text);
    is_confirmed.then_some(()).ok_or_else(error)
}

fn gone_by() -> Moment {
    let now = Moment::now();
    now.checked_add(PROBE_TTL).unwrap_or(now)
}

/// How long a probe lock lives at most, should this process be killed.
pub(super) const PROBE_TTL: Duration = Duration::from_secs(5);

/// How long the counters of the probe live.
const RETENTION: Duration = Duration::from_secs(10);

/// A new connection, and an attempt at it that failed.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

const CLEANUP_LIMIT: Duration = Duration::from_millis(500);

const MEASURE_LIMIT: Duration = Duration::from_secs(3);

/// The number of acquisitions that are measured.
const ROUNDS: u64 = 100;

const PROPOSED: u64 = 1;

const RAISED: u64 = 2;
