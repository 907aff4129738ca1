//! One runtime's share of a manager: a session with every node, and a timer.

pub(crate) mod alarm;
pub(crate) mod deployment;
pub(crate) mod head_checks;
pub(crate) mod proposal;
pub(crate) mod registry;
mod reports;
mod server_clock;
pub(crate) mod shutdown;
pub(crate) mod timer;
mod timer_queue;
mod tokens;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::config::Config;
use crate::engine::deployment::{Deployment, KnownId};
use crate::engine::head_checks::HeadChecks;
use crate::engine::proposal::Proposals;
use crate::engine::registry::Registry;
use crate::engine::server_clock::ServerClock;
use crate::engine::shutdown::ShutdownSignal;
use crate::engine::timer::Timers;
use crate::node::session_group::SessionGroup;
use crate::node::{Command, Node, Responder, Session, SessionEvents, SessionOptions};
use crate::quorum::Quorum;
use crate::quorum::responses::Responses;
use crate::time::deadlines::Deadlines;
use crate::time::jitter::Jitter;
use crate::waiting::queue::LocalQueue;
use crate::waiting::streak::Streaks;

/// The nodes of a manager, in the order of configuration. Shared by its engines.
#[derive(Debug)]
pub(crate) struct NodeSet {
    pub(crate) nodes: Box<[Arc<dyn Node>]>,
    pub(crate) names: Arc<[Arc<str>]>,
}

/// The state that all engines of a manager share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    jitter: Jitter,
    proposals: Proposals,
    local_queue: Arc<LocalQueue>,
    streaks: Streaks,
    pub(crate) shutdown_signal: ShutdownSignal,
    /// The id of the deployment, once it is known.
    deployment: Arc<KnownId>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            jitter: Jitter::new(config.rng_seed),
            proposals: Proposals::default(),
            local_queue: Arc::default(),
            streaks: Streaks::default(),
            shutdown_signal: ShutdownSignal::default(),
            deployment: Arc::default(),
            config,
        })
    }
}

/// The sessions and timers of one manager in one runtime.
///
/// Every runtime gets an engine of its own, because connections and timers end with their runtime.
/// A manager in a `static` that serves one test runtime after another must not depend on a dead one.
#[derive(Debug)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
    server_clock: ServerClock,
    names: Arc<[Arc<str>]>,
    sessions: Box<[Arc<dyn Session>]>,
    timers: Arc<Timers>,
    deadlines: Arc<Deadlines>,
    head_checks: Arc<HeadChecks>,
    registry: Arc<Registry>,
    deployment: Arc<Deployment>,
}

impl Engine {
    /// Opens the sessions. Connecting continues in the background.
    pub(crate) fn start(node_set: &NodeSet, shared: &Arc<Shared>, runtime: &Handle) -> Arc<Self> {
        let options =
            SessionOptions::new(runtime.clone()).silence_limit(shared.config.silence_limit());
        let group = SessionGroup::new(runtime);
        let options = options.group(&group);
        let registry = Registry::new(runtime);
        let timers = Timers::start(runtime, &registry);
        let (names, known) = (&node_set.names, &shared.deployment);
        let deployment = Deployment::new(&shared.config, names, &registry, &timers, known);
        let open = |(index, node): (usize, &Arc<dyn Node>)| {
            let events = SessionEvents::new(&deployment, index);
            node.open(options.clone().events(events))
        };
        let nodes = node_set.nodes.iter().enumerate();
        let opened = catch_unwind(AssertUnwindSafe(|| nodes.map(open).collect()));
        let sessions: Box<[_]> = opened.unwrap_or_else(|panic| {
            // Nothing else would end the task of the timers.
            timers.close();
            resume_unwind(panic)
        });
        group.start();
        deployment.identify(&sessions);
        Arc::new(Self {
            shared: Arc::clone(shared),
            server_clock: ServerClock::default(),
            names: Arc::clone(&node_set.names),
            sessions,
            head_checks: HeadChecks::new(&shared.local_queue, &timers),
            timers,
            deadlines: Deadlines::start(runtime),
            registry,
            deployment,
        })
    }

    /// Whether the engine's runtime is alive.
    pub(crate) fn is_alive(&self) -> bool {
        self.timers.is_alive() && self.deadlines.is_alive()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(crate) fn jitter(&self) -> &Jitter {
        &self.shared.jitter
    }

    /// The requests of this process that wait for a lock.
    pub(crate) fn local_queue(&self) -> &Arc<LocalQueue> {
        &self.shared.local_queue
    }

    /// The checks of those that block the others.
    pub(crate) fn head_checks(&self) -> &HeadChecks {
        &self.head_checks
    }

    /// The locks that this process holds again and again.
    pub(crate) fn streaks(&self) -> &Streaks {
        &self.shared.streaks
    }

    /// The signal that the manager is shut down.
    pub(crate) fn shutdown_signal(&self) -> &ShutdownSignal {
        &self.shared.shutdown_signal
    }

    pub(crate) fn names(&self) -> &Arc<[Arc<str>]> {
        &self.names
    }

    /// The leases that are held.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Which nodes have a vote.
    pub(crate) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    pub(crate) fn timers(&self) -> &Arc<Timers> {
        &self.timers
    }

    /// The deadlines of waits for nodes.
    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    pub(crate) fn quorum(&self) -> Quorum {
        Quorum::of(self.sessions.len())
    }

    /// The quorum that must grant a lock: a majority, or `token_durability` if that is more.
    pub(crate) fn acquire_quorum(&self) -> Quorum {
        self.quorum().at_least(self.config().token_durability())
    }

    pub(crate) fn submit(&self, node: usize, command: Command) {
        self.call(node, |session| session.submit(command));
    }

    /// Submits a command to each of these nodes for which `command` returns one.
    pub(crate) fn submit_each(
        &self,
        mut nodes: impl Iterator<Item = usize>,
        command: impl Fn(usize) -> Option<Command>,
    ) {
        let mut current = None;
        while catch_unwind(AssertUnwindSafe(|| {
            for node in &mut nodes {
                current = Some(node);
                if let Some(command) = command(node) {
                    self.sessions[node].submit(command);
                }
            }
        }))
        .is_err()
        {
            // The others receive theirs.
            current.into_iter().for_each(|node| self.report_panic(node));
        }
    }

    fn report_panic(&self, node: usize) {
        tracing::error!(node = %self.names[node], "the session of the node has panicked");
    }

    /// Calls a session. Returns `None` if it panics: it may be that of a node outside this crate. Its
    /// panic would end the task that extends all leases, or unwind out of the drop of a guard.
    fn call<T>(&self, node: usize, call: impl FnOnce(&dyn Session) -> T) -> Option<T> {
        let session = &*self.sessions[node];
        let called = catch_unwind(AssertUnwindSafe(|| call(session)));
        if called.is_err() {
            self.report_panic(node);
        }
        called.ok()
    }

    /// Combines what all sessions return, except for those that panic.
    fn fold<T: Copy>(&self, first: T, add: impl Fn(T, &dyn Session) -> T) -> T {
        // Sessions that panic are rare. Each is called again then, by itself.
        let sessions = || self.sessions.iter().fold(first, |sum, it| add(sum, &**it));
        let folded = catch_unwind(AssertUnwindSafe(sessions));
        folded.unwrap_or_else(|_| {
            let add = |sum, node| self.call(node, |it| add(sum, it)).unwrap_or(sum);
            (0..self.sessions.len()).fold(first, add)
        })
    }

    /// Whether hints reach waiters from a quorum of nodes, so that polling can be rare.
    pub(crate) fn hints(&self) -> bool {
        self.are_quorum(|it| it.hints())
    }

    /// Whether a quorum of nodes notifies of changes.
    pub(crate) fn notifies(&self) -> bool {
        self.are_quorum(|it| it.notifies())
    }

    fn are_quorum(&self, is_one: impl Fn(&dyn Session) -> bool) -> bool {
        let needed = self.quorum().needed();
        let count = |sum: usize, it: &dyn Session| match sum >= needed {
            true => sum,
            false => sum + usize::from(is_one(it)),
        };
        self.fold(0, count) >= needed
    }

    /// The smoothed round trip of the slowest node that responds.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.fold(None, |most, it| it.round_trip().max(most))
    }

    /// The node timeout for a lease of `ttl`, adapted to the slowest node.
    pub(crate) fn node_timeout(&self, ttl: Duration) -> Duration {
        let round_trip = || self.round_trip();
        self.shared.config.node_timeout(ttl, round_trip)
    }

    /// Sends a command to every node and collects the responses.
    pub(crate) fn broadcast<T: Clone + Send + 'static>(
        &self,
        command: impl Fn(Responder<T>) -> Command,
    ) -> Arc<Responses<T>> {
        let responses = Responses::new(self.sessions.len());
        let command = |node| Some(command(responses.responder(node)));
        self.submit_each(0..self.sessions.len(), command);
        responses
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.timers.close();
        self.deadlines.close();
    }
}
