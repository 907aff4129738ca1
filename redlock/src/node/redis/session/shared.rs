//! State that a session and its task share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::ready_connection::ReadyConnection;
use crate::node::redis::connect::server_facts::ServerFacts;
use crate::node::redis::protocol::request::Request;
use crate::node::redis::session::queue::{NotQueued, Queue};
use crate::node::{Command, NodeHealth, NodeReport};
use crate::sync::Mutex;
use crate::time::clock::Moment;

/// State that a session and its task share.
pub(crate) struct Shared {
    name: Arc<str>,
    /// The process that the session belongs to.
    process: u32,
    queue: Queue,
    /// Whether the server pushes invalidations.
    notifies: AtomicBool,
    /// Whether a message has arrived on the session's channel over the current connection.
    heard: Arc<AtomicBool>,
    /// The smoothed round trip in nanoseconds, 0 before the first.
    round_trip: AtomicU64,
    health: Mutex<NodeHealth>,
    /// What the latest handshake found out.
    facts: Mutex<Option<Arc<ServerFacts>>>,
    /// The rules that would allow what the server has refused over the current connection.
    missing_rights: Mutex<BTreeSet<Arc<str>>>,
    /// The server's time of day in microseconds, and the moment at which it was read.
    time: Mutex<Option<(u64, Moment)>>,
}

impl Shared {
    pub(crate) fn new(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            process: std::process::id(),
            queue: Queue::new(),
            notifies: AtomicBool::new(false),
            heard: Arc::default(),
            round_trip: AtomicU64::new(0),
            health: Mutex::new(NodeHealth::Connecting),
            facts: Mutex::default(),
            missing_rights: Mutex::default(),
            time: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether this is the copy of a session in a forked process. Its connection belongs to the parent,
    /// and nothing drives it here.
    pub(crate) fn is_copy(&self) -> bool {
        self.process != std::process::id()
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Queues a command of another session. Returns it if this session or its runtime has ended.
    pub(crate) fn submit_for_another(&self, command: Command) -> Option<Command> {
        if self.is_copy() {
            return Some(command);
        }
        let limit = max_queued(&command);
        let pushed = self.queue.push_while_open(command, limit);
        pushed.err().and_then(|it| unless_full(it, limit))
    }

    /// Queues a command of this session. Returns it if the runtime has ended.
    #[inline]
    pub(crate) fn submit(&self, command: Command) -> Option<Command> {
        let limit = max_queued(&command);
        match self.queue.push(command, limit) {
            Ok(()) => None,
            Err(not_queued) => unless_full(not_queued, limit),
        }
    }

    /// Whether the session waits for its first connection, and nothing was submitted that leaves keys to
    /// release.
    pub(crate) fn is_unused(&self) -> bool {
        let is_use = |request: &Request| {
            let command = &request.command;
            command.may_set().is_some() || command.as_release().is_some()
        };
        // In this order: if the session still waits, nothing was taken from the queue before the look at it.
        !self.queue.has_any(is_use) && matches!(*self.health.lock(), NodeHealth::Connecting)
    }

    /// Returns the smoothed round trip, after the first one.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Adds a sample to the smoothed round trip (Jacobson's filter, gain 1/8).
    pub(crate) fn observe_round_trip(&self, round_trip: Duration) {
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

    /// Returns the server's time of day in microseconds, advanced by the time since it was read.
    pub(crate) fn time_of_day(&self) -> Option<u64> {
        let (time, at) = (*self.time.lock())?;
        let passed = Moment::now().saturating_since(at).as_micros();
        time.checked_add(u64::try_from(passed).ok()?)
    }

    fn set_time(&self, time: Option<u64>) {
        *self.time.lock() = time.map(|time| (time, Moment::now()));
    }

    pub(crate) fn notifies(&self) -> bool {
        self.notifies.load(Ordering::Relaxed)
    }

    pub(crate) fn set_notifies(&self, notifies: bool) {
        self.notifies.store(notifies, Ordering::Relaxed);
    }

    /// Whether hints reach the session.
    pub(crate) fn hints(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Returns the flag to set when a message arrives on the session's channel.
    pub(crate) fn heard(&self) -> &Arc<AtomicBool> {
        &self.heard
    }

    /// Records that pushes no longer reach the session.
    pub(crate) fn stop_pushes(&self) {
        self.set_notifies(false);
        self.stop_hints();
    }

    /// Records that hints do not reach the session, or not yet.
    pub(crate) fn stop_hints(&self) {
        self.heard.store(false, Ordering::Relaxed);
    }

    /// Records a new connection and the facts from its handshake.
    pub(crate) fn set_connected(&self, ready: &ReadyConnection) {
        self.set_time(ready.time);
        self.set_notifies(ready.supports_push);
        self.set_facts(&ready.facts);
        self.set_health(NodeHealth::Connected);
    }

    /// Records what a handshake found out about the server.
    pub(crate) fn set_facts(&self, facts: &Arc<ServerFacts>) {
        *self.missing_rights.lock() = facts.missing_rights.iter().map(Arc::clone).collect();
        *self.facts.lock() = Some(Arc::clone(facts));
    }

    /// Records rules that would allow what the server has refused.
    pub(crate) fn add_missing_rights(&self, rights: impl IntoIterator<Item = Arc<str>>) {
        self.missing_rights.lock().extend(rights);
    }

    pub(crate) fn set_health(&self, health: NodeHealth) {
        *self.health.lock() = health;
    }

    pub(crate) fn report(&self) -> NodeReport {
        let health = self.health.lock().clone();
        let mut report = NodeReport::new(Arc::clone(&self.name), health);
        if let Some(facts) = &*self.facts.lock() {
            facts.describe(&mut report);
        }
        let missing_rights = self.missing_rights.lock();
        report.missing_rights = missing_rights.iter().map(Arc::clone).collect();
        drop(missing_rights);
        report.round_trip = self.round_trip();
        report
    }
}

/// Fails a command for which there was no room. Returns one that nothing would send.
#[cold]
fn unless_full(not_queued: NotQueued<Command>, limit: usize) -> Option<Command> {
    match not_queued {
        NotQueued::Ended(command) => Some(command),
        NotQueued::Full(command) => {
            let message = format!("{limit} commands are queued for this node");
            command.fail(NodeError::unsent(NodeErrorKind::Overloaded, message));
            None
        }
    }
}

/// Returns the number of queued commands from which on the command fails at once.
fn max_queued(command: &Command) -> usize {
    match command {
        Command::Release(_) => usize::MAX,
        // Requests for locks must not cost those that are held. A lease has one at a time.
        Command::Extend(_) => 4 * MAX_QUEUED,
        _ => MAX_QUEUED,
    }
}

/// The maximum number of commands in the queue of one node.
const MAX_QUEUED: usize = 64 * 1024;

/// The error of commands that a session can no longer send.
pub(crate) fn ended() -> NodeError {
    let text = "the runtime of the session has ended";
    NodeError::unsent(NodeErrorKind::Closed, text)
}
