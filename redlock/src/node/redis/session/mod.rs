//! The ordered way to a server: a queue, and a task that empties it.

pub(crate) mod driver;
pub(crate) mod event;
pub(crate) mod in_flight;
pub(crate) mod invalidation;
pub(crate) mod pending_releases;
pub(crate) mod reconnect;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::Inner;
use crate::node::redis::session::driver::Driver;
use crate::node::{Command, NodeHealth, NodeReport, Session};
use crate::sync::Mutex;
use crate::time::clock::Moment;

/// A session with a server. Commands go into a queue, which a task on the session's runtime sends
/// in batches.
pub(crate) struct RedisSession {
    node: Weak<Inner>,
    queue: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
}

/// What the session and its task both see.
pub(crate) struct Shared {
    name: Arc<str>,
    /// The number of commands in the queue.
    queued: AtomicUsize,
    /// Whether the server tells those who wait.
    tells: AtomicBool,
    /// The smoothed round trip in nanoseconds, 0 before the first.
    round_trip: AtomicU64,
    report: Mutex<NodeReport>,
    /// The server's time of day in microseconds, and when it was that.
    time: Mutex<Option<(u64, Moment)>>,
}

impl RedisSession {
    pub(crate) fn start(node: &Arc<Inner>, runtime: &Handle, patience: Duration) -> Arc<Self> {
        let (queue, commands) = mpsc::unbounded_channel();
        let name = Arc::clone(&node.name);
        let report = Mutex::new(NodeReport::new(Arc::clone(&name), NodeHealth::Connecting));
        let shared = Arc::new(Shared {
            name,
            queued: AtomicUsize::new(0),
            tells: AtomicBool::new(false),
            round_trip: AtomicU64::new(0),
            report,
            time: Mutex::default(),
        });
        let driver = Driver::new(Arc::clone(node), Arc::clone(&shared), commands, patience);
        let _detached = runtime.spawn(driver.run());
        Arc::new(Self {
            node: Arc::downgrade(node),
            queue,
            shared,
        })
    }

    /// Whether the task that empties the queue is alive.
    pub(crate) fn is_live(&self) -> bool {
        !self.queue.is_closed()
    }
}

impl Session for RedisSession {
    fn submit(&self, command: Command) {
        let is_release = matches!(command, Command::Release(_));
        if !is_release && self.shared.queued.load(Ordering::Relaxed) >= QUEUE_BOUND {
            let error = NodeError::unsent(NodeErrorKind::Overloaded, "");
            return command.fail(error);
        }
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        let Err(mpsc::error::SendError(command)) = self.queue.send(command) else {
            return;
        };
        // The runtime of this session has ended. A release is worth another way.
        let other = self
            .node
            .upgrade()
            .filter(|_| is_release)
            .and_then(|node| node.live_session());
        match other {
            Some(other) => other.submit(command),
            None => command.fail(NodeError::unsent(
                NodeErrorKind::Closed,
                "its runtime has ended",
            )),
        }
    }

    fn report(&self) -> NodeReport {
        let mut report = self.shared.report().clone();
        report.round_trip = self.round_trip();
        report
    }

    fn time_of_day(&self) -> Option<u64> {
        let (time, at) = (*self.shared.time.lock())?;
        let passed = Moment::now().saturating_since(at).as_micros();
        time.checked_add(u64::try_from(passed).ok()?)
    }

    fn tells(&self) -> bool {
        self.shared.tells()
    }

    fn round_trip(&self) -> Option<Duration> {
        match self.shared.round_trip.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }
}

impl Shared {
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// `count` commands have left the queue.
    pub(crate) fn dequeued(&self, count: usize) {
        self.queued.fetch_sub(count, Ordering::Relaxed);
    }

    /// Takes one more measurement into the smoothed round trip (Jacobson's filter, gain 1/8).
    pub(crate) fn measured(&self, round_trip: Duration) {
        let sample = u64::try_from(round_trip.as_nanos())
            .unwrap_or(u64::MAX)
            .max(1);
        let known = self.round_trip.load(Ordering::Relaxed);
        let smoothed = if known == 0 {
            sample
        } else {
            known - known / 8 + sample / 8
        };
        self.round_trip.store(smoothed.max(1), Ordering::Relaxed);
    }

    pub(crate) fn set_time(&self, time: Option<u64>) {
        let time = time.map(|time| (time, Moment::now()));
        *self.time.lock() = time;
    }

    pub(crate) fn tells(&self) -> bool {
        self.tells.load(Ordering::Relaxed)
    }

    pub(crate) fn set_tells(&self, tells: bool) {
        self.tells.store(tells, Ordering::Relaxed);
    }

    pub(crate) fn set_health(&self, health: NodeHealth) {
        self.report().health = health;
    }

    pub(crate) fn report(&self) -> MutexGuard<'_, NodeReport> {
        self.report.lock()
    }
}

impl fmt::Debug for RedisSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSession")
            .field("node", &self.shared.name)
            .finish_non_exhaustive()
    }
}

/// Commands that may wait for one node. More than this are not waiting, they are lost in a crowd:
/// they fail at once, releases excepted.
const QUEUE_BOUND: usize = 64 * 1024;
