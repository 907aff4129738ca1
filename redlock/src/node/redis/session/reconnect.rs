//! The connection of a session: made in the background, lost, and made again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;

use crate::error::NodeError;
use crate::node::redis::connect::handshake;
use crate::node::redis::connect::handshake::Link;
use crate::node::redis::connect::io::Pump;
use crate::node::redis::protocol::batch::Batch;
use crate::node::redis::session::driver::Driver;
use crate::node::{Command, NodeHealth};
use crate::time::jitter::reconnect_delay;

/// The connection of a session.
pub(crate) enum State {
    Up(MultiplexedConnection, Pump),
    Down {
        /// Why commands fail meanwhile; without a cause yet they wait for the outcome.
        cause: Option<NodeError>,
        connecting: Connecting,
    },
}

pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<Link, NodeError>> + Send>>;

impl Driver {
    pub(crate) fn connected(&mut self, link: Link) {
        self.attempts = 0;
        for warning in &link.warnings {
            tracing::warn!(node = %self.shared.name(), %warning, "redlock node");
        }
        {
            let mut report = self.shared.report();
            report.health = NodeHealth::Connected;
            report.server = link.server;
            report.warnings = link.warnings;
        }
        self.shared.set_time(link.time);
        self.shared.set_tells(link.tells);
        // Whatever was to be told over the connection before has not been.
        self.node.pushes.tell_all();
        self.identity = link.identity;
        self.counters.clear();
        self.delete = link.delete;
        self.client = link.client;
        // Releases of acquires that an earlier connection may have left behind go first.
        let mut first = self.debts.due_on_connect(link.previous_is_settled);
        first.append(&mut self.pending);
        self.pending = first;
        self.link = State::Up(link.connection, link.pump);
    }

    pub(crate) fn not_connected(&mut self, cause: NodeError) {
        if self.attempts == 0 {
            tracing::warn!(node = %self.shared.name(), %cause, "redlock node is down");
        }
        self.attempts = self.attempts.saturating_add(1);
        let delay = self.jitter.before(reconnect_delay(self.attempts));
        self.reconnect(Some(cause), delay);
    }

    /// The connection is of no use any more; what was under way has an unknown fate.
    pub(crate) fn disconnected(&mut self, cause: NodeError) {
        tracing::debug!(node = %self.shared.name(), %cause, "redlock connection ended");
        let delay = self.jitter.up_to(reconnect_delay(0));
        for item in self.flights.take().flat_map(Batch::into_items) {
            if let Command::Acquire(acquire) = &item.command {
                self.debts.unknown(acquire);
            }
            self.refuse(item.command, &cause);
        }
        let unsent = NodeError::unsent(cause.kind(), cause.message());
        self.reconnect(Some(unsent), delay);
    }

    /// There is no connection for `command`. Whoever waits is told when there is one again.
    pub(crate) fn refuse(&mut self, command: Command, cause: &NodeError) {
        if let Command::Acquire(it) = &command
            && let Some(watch) = &it.watch
        {
            self.node.pushes.expect(it.keys.as_slice(), watch);
        }
        self.debts.refuse(command, cause);
    }

    /// Starts to connect anew. With a cause, what cannot wait fails with it; without one,
    /// everything waits for the outcome.
    pub(crate) fn reconnect(&mut self, cause: Option<NodeError>, delay: Duration) {
        self.shared.set_tells(false);
        if let Some(cause) = &cause {
            self.shared.set_health(NodeHealth::Down(cause.clone()));
            for item in std::mem::take(&mut self.pending) {
                self.refuse(item.command, cause);
            }
        }
        let connecting = handshake::connect(Arc::clone(&self.node), self.client.clone(), delay);
        self.link = State::Down {
            cause,
            connecting: Box::pin(connecting),
        };
    }
}
