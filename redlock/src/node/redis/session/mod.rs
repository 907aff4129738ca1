//! An ordered session with a server: a queue, and a task that sends its commands.

mod driver;
mod event;
mod hint_repeats;
mod in_flight;
mod listening;
mod outbox;
mod pending_releases;
mod reconnect;
mod sending;
pub(crate) mod server;
mod shared;
mod waiting_lists;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::session::driver::Driver;
use crate::node::redis::session::server::Server;
use crate::node::redis::session::shared::Shared;
use crate::node::{Command, NodeReport, Session, SessionOptions};

/// A session with a server.
///
/// Commands enter a queue. A task on the session's runtime sends them in batches.
pub(crate) struct RedisSession {
    server: Arc<Server>,
    shared: Arc<Shared>,
    /// The task ends after this is dropped, once its work is done.
    queue: mpsc::UnboundedSender<Command>,
}

impl RedisSession {
    pub(crate) fn start(server: &Arc<Server>, options: SessionOptions) -> Arc<Self> {
        let (queue, commands) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(server.name(), &queue));
        let (node, state) = (Arc::clone(server), Arc::clone(&shared));
        let runtime = options.runtime.clone();
        let driver = Driver::new(node, state, commands, options);
        let _detached = runtime.spawn(driver.run());
        server.add_session(&shared);
        Arc::new(Self {
            server: Arc::clone(server),
            shared,
            queue,
        })
    }
}

impl Session for RedisSession {
    fn submit(&self, command: Command) {
        let Some(command) = self.shared.submit_to(&self.queue, command) else {
            return;
        };
        // The runtime of this session has ended. A session on another runtime may send a release.
        let unsent = match command {
            Command::Release(_) => self.server.reroute(command),
            _ => Some(command),
        };
        if let Some(command) = unsent {
            let error = NodeError::unsent(
                NodeErrorKind::Closed,
                "the runtime of the session has ended",
            );
            command.fail(error);
        }
    }

    fn report(&self) -> NodeReport {
        let mut report = self.shared.report().clone();
        report.round_trip = self.shared.round_trip();
        report
    }

    fn time_of_day(&self) -> Option<u64> {
        self.shared.time_of_day()
    }

    fn notifies(&self) -> bool {
        self.shared.notifies()
    }

    fn hints(&self) -> bool {
        self.shared.hints()
    }

    fn round_trip(&self) -> Option<Duration> {
        self.shared.round_trip()
    }
}

impl fmt::Debug for RedisSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSession")
            .field("node", self.server.name())
            .finish_non_exhaustive()
    }
}
