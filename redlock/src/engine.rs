//! What a manager needs in one runtime: a session with every node, and a timer for the leases.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::config::Config;
use crate::gather::Gather;
use crate::lease::renewal::Renewals;
use crate::node::{Command, Node, NodeReport, Reply, Session};
use crate::quorum::Quorum;
use crate::retry::Jitter;

/// The nodes of a manager, in order. Shared by its engines.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) nodes: Box<[Arc<dyn Node>]>,
    pub(crate) names: Arc<[Arc<str>]>,
}

/// The sessions and timers of one manager in one runtime.
///
/// There is one for every runtime, because connections and timers die with theirs: a manager in a
/// `static` that is used by one test runtime after the other must not depend on a dead one.
#[derive(Debug)]
pub(crate) struct Engine {
    config: Arc<Config>,
    jitter: Arc<Jitter>,
    names: Arc<[Arc<str>]>,
    sessions: Box<[Arc<dyn Session>]>,
    renewals: Arc<Renewals>,
}

impl Engine {
    /// Opens the sessions. Connecting goes on in the background.
    pub(crate) fn start(
        members: &Members,
        config: &Arc<Config>,
        jitter: &Arc<Jitter>,
        runtime: &Handle,
    ) -> Arc<Self> {
        let patience = config.patience();
        Arc::new(Self {
            config: Arc::clone(config),
            jitter: Arc::clone(jitter),
            names: Arc::clone(&members.names),
            sessions: members
                .nodes
                .iter()
                .map(|node| node.open(runtime, patience))
                .collect(),
            renewals: Renewals::start(runtime),
        })
    }

    /// Whether the engine's runtime is alive.
    pub(crate) fn is_alive(&self) -> bool {
        self.renewals.is_alive()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn jitter(&self) -> &Jitter {
        &self.jitter
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    pub(crate) fn renewals(&self) -> &Renewals {
        &self.renewals
    }

    pub(crate) fn quorum(&self) -> Quorum {
        Quorum::of(self.sessions.len())
    }

    pub(crate) fn submit(&self, node: usize, command: Command) {
        self.sessions[node].submit(command);
    }

    /// How long one node may take over a lease of `ttl`: measured by the slowest node that
    /// answers at all.
    pub(crate) fn node_timeout(&self, ttl: Duration) -> Duration {
        let slowest = self
            .sessions
            .iter()
            .filter_map(|session| session.round_trip())
            .max();
        self.config.node_timeout(ttl, slowest)
    }

    /// Puts one question to every node.
    pub(crate) fn ask<T: Clone + Send + 'static>(
        &self,
        command: impl Fn(Reply<T>) -> Command,
    ) -> Arc<Gather<T>> {
        let gather = Gather::new(self.sessions.len());
        for (node, session) in self.sessions.iter().enumerate() {
            session.submit(command(gather.reply(node)));
        }
        gather
    }

    pub(crate) fn reports(&self) -> Vec<NodeReport> {
        self.sessions
            .iter()
            .map(|session| session.report())
            .collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.renewals.close();
    }
}
